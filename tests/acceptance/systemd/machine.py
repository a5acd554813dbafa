"""A Debian that systemd has booted, in namespaces of its own: no virtual machine, no engine.

Takes root, mmdebstrap and control groups of version 2.

Its mounts are shared, as on a real one and in systemd-nspawn: credentials of units come by propagation, and in a container systemd leaves
that as it finds it.

What it lacks: where this host keeps the controllers of version 1, none is to be delegated, so memory and processors are not limited inside.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

from tests.cache import CACHE, making
from tests.faults.until import until
from tests.servers import Unavailable

SUITE = "trixie"  # the first stable Debian whose systemd knows Type=notify-reload
PACKAGES = (
    "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,bubblewrap,passt,redis-server,iproute2,adduser"
)
CHECKOUT = Path(__file__).parents[3]
PARTS = ("poller", "connectors", "config", "systemd", "pyproject.toml", "README.md")

OVERLAY = 'mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$FOLDER/upper,workdir=$FOLDER/work" "$FOLDER/root"\ncd "$FOLDER/root"\n'
INSTALL = """
mount -t proc proc proc
exec chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin PIP_CERT=/etc/ssl/certs/ca-certificates.crt /root/pollerd/systemd/install
"""
BOOT = """
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp
mkdir dev/net dev/shm dev/pts
for name in null zero full random urandom tty net/tun; do
    [ ! -e /dev/$name ] || { touch dev/$name; mount --bind /dev/$name dev/$name; }
done
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname machine
ip link set lo up
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin container=test /lib/systemd/systemd --log-target=null
"""


class Machine:
    """One boot, from ``start`` to ``stop``. folder: for what it writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._group = _groups() / f"pollerd-{uuid.uuid4().hex}"
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def start(self) -> None:
        """Install pollerd as a user would, and boot. Raises Unavailable."""
        base = _base()
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        _copy_checkout(self._folder / "upper/root/pollerd")
        variables = {**os.environ, "BASE": str(base), "FOLDER": str(self._folder)}
        words = ["unshare", "--mount", "--propagation", "private"]
        done = subprocess.run(
            [*words, "sh", "-ec", OVERLAY + INSTALL],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self._group.mkdir()
        enter = 'echo $$ > "$GROUP/cgroup.procs"; exec "$@"'
        own = ["--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"]
        self._process = subprocess.Popen(
            ["sh", "-ec", enter, "sh", *words, *own, "sh", "-ec", OVERLAY + BOOT],
            env={**variables, "GROUP": str(self._group)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._booted, "systemd has booted", 60)

    def stop(self) -> None:
        """The kernel ends whatever lives under its first process. Idempotent."""
        if self._init:
            os.kill(self._init, signal.SIGKILL)
            self._init = 0
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for group, _, _ in os.walk(self._group, topdown=False):
            until(lambda group=group: _removed(Path(group)), f"{group} is empty", 10)  # type: ignore[misc]  # a lambda's default

    def run(self, *command: str, said: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it inside, as root. said: its standard input."""
        spaces = ["nsenter", "--target", str(self._init), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        done = subprocess.run([*spaces, *command], input=said, capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self._log()}"
        return done

    def write(self, path: str, text: str) -> None:
        """Make or replace a file inside, with the folders that it lies in."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path, said=text)

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def _log(self) -> str:
        return self.run("journalctl", "--no-pager", "--lines", "30", "--unit", "pollerd*", check=False).stdout

    def _booted(self) -> bool:
        assert self._process is not None, "it was not started"
        assert self._process.poll() is None, "the machine did not come up"
        if not self._init:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
                return False
            self._init = int(children[0])
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in {"running", "degraded"}  # parts of Debian that have nothing to do here may fail


def _groups() -> Path:
    """Where control groups of version 2 are mounted. Raises Unavailable."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    found = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    if found is None or not os.access(found / "cgroup.procs", os.W_OK):
        raise Unavailable("booting systemd takes control groups of version 2 that may be written to")
    return found


def _base() -> Path:
    """Debian with what pollerd needs, and the packages that its installation brings. Raises Unavailable."""
    missing = [name for name in ("mmdebstrap", "unshare", "nsenter", "ip") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        raise Unavailable(f"booting systemd takes root and {', '.join(missing) or 'mmdebstrap'}")
    base = CACHE / f"systemd-{SUITE}"
    with making(base.name):
        if not base.exists():
            building = base.with_suffix(".building")
            shutil.rmtree(building, ignore_errors=True)
            try:
                _build(building)
            except subprocess.CalledProcessError as error:
                raise Unavailable(f"Debian {SUITE} cannot be built here: {error.stderr[-300:]}") from error
            building.rename(base)
    return base


def _build(folder: Path) -> None:
    command = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder)]
    subprocess.run(command, capture_output=True, text=True, check=True)
    for name in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
        if Path("/", name).exists():
            (folder / name).unlink(missing_ok=True)
            shutil.copyfile(Path("/", name), folder / name)
    _copy_checkout(folder / "root/pollerd")
    install = f"cd {folder}\n{INSTALL}"
    subprocess.run(["unshare", "--mount", "sh", "-ec", install], capture_output=True, text=True, check=True)
    shutil.rmtree(folder / "root/pollerd")
    for left in ("etc/pollerd", "etc/systemd/system/pollerd.service", "etc/systemd/system/pollerd@.service"):
        path = folder / left
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _copy_checkout(to: Path) -> None:
    to.mkdir(parents=True)
    for name in PARTS:
        path = CHECKOUT / name
        if path.is_dir():
            shutil.copytree(path, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, to / name)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
