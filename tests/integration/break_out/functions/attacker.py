"""What a hostile function tries. Each attempt returns what it got: a list, empty when it got nothing."""

import contextlib
import ctypes
import errno
import glob
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

libc = ctypes.CDLL(None, use_errno=True)
TMP = tempfile.gettempdir()
X86 = platform.machine() == "x86_64"


def handler(event, context):
    return globals()[event["do"]](event)


def about(event):
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in open("/proc/self/status"))}
    return {
        "status": status,
        "fds": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")),
        "umask": os.umask(0o022),
        "ids": [*os.getresuid(), *os.getresgid()],
        "groups": os.getgroups(),
        "session": os.getsid(0) == os.getpid(),
        "limits": [
            resource.getrlimit(resource.RLIMIT_NOFILE),
            resource.getrlimit(resource.RLIMIT_NPROC),
            resource.getrlimit(resource.RLIMIT_CORE),
        ],
        "oom": int(open("/proc/self/oom_score_adj").read()),
        "root": sorted(os.listdir("/")),
        "etc": sorted(os.listdir("/etc")),
        "dev": sorted(os.listdir("/dev")),
        "tty": [fd for fd in range(3) if os.isatty(fd)],
    }


# other processes


def others():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def variables(event):
    """Of any other process."""
    wanted = event["wanted"][::-1].encode()
    got = []
    for pid in others():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if wanted in file.read():
                got.append(pid)
    return got


def files_of_processes(event):
    """By their root, working directory or open files."""
    got = []
    for pid in others():
        for way in (f"/proc/{pid}/root", f"/proc/{pid}/cwd"):
            for path in event["paths"]:
                with contextlib.suppress(OSError), open(way + path, "rb"):
                    got.append(way + path)
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    os.stat(f"/proc/{pid}/fd/{fd}")
                    got.append(f"/proc/{pid}/fd/{fd}")
    return got


def memory(event):
    """Of any other process: the holder, the daemon."""
    got = []
    for pid in others():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/mem", "r+b"):
            got.append(pid)
    return got


def namespaces(event):
    """Of any other process: whoever can open one may be able to enter it."""
    got = []
    for pid in others():
        for name in ("user", "mnt", "net"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/ns/{name}", "rb"):
                got.append(f"{pid} {name}")
    return got


def signals(event):
    """Which of those can be reached."""
    got = []
    for pid in event["pids"]:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            got.append(pid)
    return got


def kill_holder(event):
    for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        with contextlib.suppress(OSError):
            os.kill(1, number)
    return []


def trace(event):
    """A child of our own: the least that ptrace could be used for."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
    got = [child] if libc.ptrace(16, child, None, None) == 0 else []
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return got


def stop_everybody(event):
    """For as long as possible, and whoever comes later. The invocation is stopped as well."""
    assert open("/proc/1/comm").read().strip() == "bwrap", "outside a sandbox this would stop the machine"
    for _ in range(4):
        if os.fork() == 0:
            os.setsid()
            while True:
                with contextlib.suppress(OSError):
                    os.kill(-1, signal.SIGSTOP)
    time.sleep(600)


def stay(event):
    """In a session, and with a parent, of its own, and without the variables that tell where it came from."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve("/bin/sleep", [event["name"], "600"], {})
        os._exit(0)
    os.wait()
    time.sleep(0.1)
    return "left"


def orphans(event):
    """Processes that end after their parents: how many of them are left, unburied."""
    for _ in range(event["count"]):
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(0.05)
            os._exit(0)
        os.wait()
    time.sleep(0.3)
    return [line for path in glob.glob("/proc/[0-9]*/status") for line in open(path) if line.startswith("State:\tZ")]


# files


def read(event):
    got = []
    for path in event["paths"]:
        with contextlib.suppress(OSError):
            if os.path.isdir(path):
                if os.listdir(path):
                    got.append(path)
            else:
                with open(path, "rb") as file:
                    if file.read(1):
                        got.append(path)
    return got


def write(event):
    """In every folder that is mounted or named, but in /tmp."""
    points = [line.split()[4] for line in open("/proc/self/mountinfo")]
    kept = ("/tmp", "/proc")
    places = [path for path in points if event["mounts"] and not (path in kept or path.startswith("/tmp/"))] + event[
        "places"
    ]
    got = []
    for place in places:
        path = os.path.join(place, "intruder") if os.path.isdir(place) else place
        if place in ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"):
            continue
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
            got.append(path)
            if os.path.basename(path) == "intruder":
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.chmod(place, 0o777 if os.path.isdir(place) else 0o666) if event["mounts"] else None
            if event["mounts"]:
                got.append(f"mode of {place}")
    return got


def settings(event):
    """Files of /proc that set something, for all of the machine."""
    got = []
    for folder, _, names in os.walk("/proc/sys"):
        for name in names:
            with contextlib.suppress(OSError):
                os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
                got.append(os.path.join(folder, name))
    for path in ("/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/kcore", "/proc/kmsg"):
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY if "k" not in path[:7] else os.O_RDONLY))
            got.append(path)
    return got


# limits


def fill(event):
    """Megabytes that /tmp takes, of as many as asked for."""
    got = 0
    try:
        with open(os.path.join(TMP, "big"), "wb", buffering=0) as file:
            while got < event["most"] and file.write(bytes(1024 * 1024)) == 1024 * 1024:
                got += 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    os.unlink(os.path.join(TMP, "big"))
    return got


def empty_files(event):
    folder = os.path.join(TMP, "many")
    os.makedirs(folder)
    got = 0
    with contextlib.suppress(OSError):
        while got < event["most"]:
            os.close(os.open(f"{folder}/{got}", os.O_CREAT | os.O_WRONLY))
            got += 1
    for n in range(got):
        os.unlink(f"{folder}/{n}")
    return got


def forks(event):
    got = []
    with contextlib.suppress(BlockingIOError):
        while len(got) < event["most"]:
            child = os.fork()
            if child == 0:
                signal.pause()
            got.append(child)
    for child in got:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(got)


def chain(event):
    """Processes, each the child of the one before; the invocation goes on while they live."""
    first = os.getpid()
    for _ in range(event["most"]):
        try:
            if os.fork():
                break
        except BlockingIOError:
            break
    if os.getpid() != first:
        signal.pause()
    time.sleep(event["seconds"])
    return ["lived"]


def descriptors(event):
    got = []
    with contextlib.suppress(OSError):
        while len(got) < event["most"]:
            got.append(os.dup(0))
    for fd in got:
        os.close(fd)
    return len(got)


def descriptors_under_way(event):
    """In sockets: they count for the user, whoever that is on the host."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    got, kept = 0, [(ours, theirs)]
    with contextlib.suppress(OSError):
        while got < event["most"]:
            try:
                socket.send_fds(kept[-1][0], [b"x"], [0] * 100)
                got += 100
            except BlockingIOError:
                pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                pair[0].setblocking(False)
                kept.append(pair)
    globals()["held"] = kept
    return got


def hog(event):
    held = bytearray(event["megabytes"] * 1024 * 1024)
    time.sleep(event["seconds"])
    return len(held)


def share(event):
    """Memory had once, by several processes."""
    held = bytearray(event["megabytes"] * 1024 * 1024)
    children = []
    for _ in range(event["processes"]):
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
    time.sleep(event["seconds"])
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(held)


# the network, and what lives in its namespace


def ask(event):
    """Another environment's Runtime API, and whatever else listens on the host: the next event, or an answer in its place."""
    got = []
    for port in event["ports"]:
        for request in event["requests"]:
            with contextlib.suppress(OSError):
                client = socket.create_connection(("127.0.0.1", port), timeout=1)
                with client:
                    client.sendall(request.encode())
                    if client.recv(100):
                        got.append(f"{port} {request.split()[1]}")
    return got


def abstract(event):
    with contextlib.suppress(OSError):
        client = socket.socket(socket.AF_UNIX)
        client.connect("\0" + event["socket"])
        return [client.recv(100).decode()]
    return []


def segment(event):
    libc.shmat.restype = ctypes.c_void_p
    found = libc.shmget(event["key"], 4096, 0)
    if found < 0:
        return []
    return [ctypes.string_at(libc.shmat(found, None, 0), 17).decode()]


def sockets(event):
    """Of kinds that see other people's traffic, or reach past namespaces."""
    kinds = {
        "packet": (17, socket.SOCK_RAW, 0),
        "raw": (socket.AF_INET, socket.SOCK_RAW, 1),
        "vsock": (40, socket.SOCK_STREAM, 0),
        "alg": (38, 5, 0),
    }
    got = []
    for name, kind in kinds.items():
        with contextlib.suppress(OSError):
            socket.socket(*kind).close()
            got.append(name)
    return got


# the kernel

CALLS = {  # x86_64, aarch64; arguments that the kernel would refuse otherwise, differently
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "fsopen": (430, 430),
    "open_tree": (428, 428), "mount_setattr": (442, 442), "setns": (308, 268), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "bpf": (321, 280), "perf_event_open": (298, 241),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "open_by_handle_at": (304, 265), "reboot": (169, 142), "swapon": (167, 224),
    "settimeofday": (164, 170), "syslog": (103, 116),
}  # fmt: skip


def call(name, *arguments):
    ctypes.set_errno(0)
    numbered = CALLS[name][0 if X86 else 1]
    done = libc.syscall(ctypes.c_long(numbered), *[ctypes.c_long(value) for value in (*arguments, *[-1] * 6)[:6]])
    return 0 if done >= 0 else ctypes.get_errno()


def calls(event):
    """What does not end with EPERM."""
    return [name for name in event["names"] if call(name) != errno.EPERM]


def user_namespace(event):
    """By each way to make one."""
    got = []
    flag = 0x10000000
    for name, make in {
        "unshare": lambda: libc.unshare(flag),
        "clone": lambda: libc.syscall(56 if X86 else 220, flag | signal.SIGCHLD, 0, 0, 0, 0),
        "clone3": clone3,
    }.items():
        child = os.fork()
        if child == 0:
            inner = make()
            if inner > 0:
                os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))
            os._exit(42 if inner == 0 else 1)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42:
            got.append(name)
    return got


def clone3():
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, signal.SIGCHLD)
    return libc.syscall(435, ctypes.byref(arguments), ctypes.sizeof(arguments))


def old_table(event):
    """getpid by the 32 bit table, or by x32's: were they open, every refused call could be had by another number."""
    ctypes.set_errno(0)
    return ["x32"] if libc.syscall(0x40000000 | 39) > 0 else []


def powers(event):
    """More than a user's: uid 0, a set-user-id program, a keyring."""
    got = []
    with contextlib.suppress(OSError):
        os.setuid(0)
        got.append("uid 0")
    for program in glob.glob("/usr/bin/*"):
        with contextlib.suppress(OSError):
            if os.stat(program).st_mode & 0o4000 and os.path.basename(program) in ("su", "mount", "newgrp"):
                done = subprocess.run([program, "--version"], capture_output=True, check=False)
                status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, check=False).stdout.decode()
                if "NoNewPrivs:\t1" not in status:
                    got.append(f"{program} {done.returncode}")
    return got


def modules(event):
    """Whether those import: a runtime's own work needs none of what is refused."""
    for name in event["names"]:
        __import__(name)
    return sys.version_info[:2]
