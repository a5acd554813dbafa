"""Each attempt to get out of an environment, or into another, by a function of the official Python client in real processes.

Where there is no sandbox most of them succeed; that is asserted as well, so that nobody thinks better of ``sandbox: none`` than it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from poller.execution.contract import Status
from poller.execution.environment.environment import ProcessEnvironment
from poller.execution.sandbox.bubblewrap import HOST_ETC, HOST_SYSTEM
from tests.integration.break_out.scene import NONE, SECRET, SHARED, Scene, ask, attempt, processes

ROOT = os.geteuid() == 0
PYTHON_IGNORES = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
OF_THE_C_LIBRARY = 1 << (32 - 1) | 1 << (33 - 1)
"""Signals that glibc keeps to itself and lets nobody set: who started the daemon may have had them ignored."""
NEXT = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"


def succeeds_without_sandbox(scene: Scene, got: Any) -> None:
    """Nothing may be got in a sandbox; outside one, this is what a sandbox is for."""
    assert bool(got) is not scene.sandboxed, got


# other functions, and the daemon


async def test_variables_of_other_processes(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "variables", wanted=SECRET[::-1]))


async def test_files_by_other_processes_root_folder_and_descriptors(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    paths = [f"/tmp/{scene.names['file']}", "/app.py", str(scene.folder / "code-victim/app.py")]
    succeeds_without_sandbox(scene, await attempt(attacker, "files_of_processes", paths=paths))


async def test_memory_of_other_processes_and_of_process_1(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "memory"))


async def test_namespaces_of_other_processes_and_of_process_1(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "namespaces"))


async def test_signals_to_the_daemon_and_to_another_function(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "signals", pids=[os.getpid(), victim.pid]))


async def test_killing_the_process_that_holds_the_sandbox(scene: Scene, attacker: ProcessEnvironment) -> None:
    if not scene.sandboxed:
        pytest.skip("that would be the host's process 1")
    await attempt(attacker, "kill_holder")
    assert (await attempt(attacker, "about"))["status"]["State"].startswith("R")


async def test_tracing_a_process(scene: Scene, attacker: ProcessEnvironment) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "trace"))


async def test_the_daemons_files(scene: Scene, attacker: ProcessEnvironment, daemon_files: list[str]) -> None:
    got = await attempt(attacker, "read", paths=daemon_files)
    assert got == ([] if scene.sandboxed else daemon_files)


async def test_files_of_the_host(scene: Scene, attacker: ProcessEnvironment) -> None:
    """What lies beyond /usr and a few of /etc is not there; what there is tells nothing of the host's users."""
    hidden = [
        "/root",
        "/home",
        "/var/lib",
        "/var/log",
        "/run",
        "/sys",
        "/boot",
        "/srv",
        "/mnt",
        "/etc/shadow",
        "/etc/ssh",
        "/etc/fstab",
    ]
    got = await attempt(attacker, "read", paths=hidden)
    if not scene.sandboxed:
        assert got
        return
    assert got == []
    seen = await attempt(attacker, "about")
    system = {Path(name).name for name in HOST_SYSTEM}
    assert set(seen["root"]) <= {"dev", "etc", "proc", "tmp", "var", "opt"} | system
    assert set(seen["etc"]) <= {"hosts", "passwd", "group", "resolv.conf", *HOST_ETC}
    assert set(seen["dev"]) == {"fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"}


async def test_writing_anywhere_but_in_tmp(scene: Scene, attacker: ProcessEnvironment, daemon_files: list[str]) -> None:
    task = str(scene.folder / "code-attacker")
    if not scene.sandboxed:
        assert await attempt(attacker, "write", mounts=False, places=[task, str(scene.state)])
        return
    places = [
        "/",
        "/var",
        "/var/task",
        "/var/task/app.py",
        "/opt",
        "/var/runtime",
        "/etc",
        "/usr",
        "/usr/bin",
        "/dev",
        "/dev/shm",
    ]
    places += ["/etc/passwd", "/etc/hosts"]
    places += daemon_files
    assert await attempt(attacker, "write", mounts=True, places=places) == []


async def test_settings_of_the_machine(scene: Scene, attacker: ProcessEnvironment) -> None:
    if not scene.sandboxed:
        pytest.skip("root may, others may not: the host's own affair")
    own = ["/proc/sys/kernel/ns_last_pid"]  # of its own process namespace; the kernel lets everybody
    assert set(await attempt(attacker, "settings")) <= set(own)


# the network's namespace


async def test_another_environments_runtime_api(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    """Neither taking its next event nor answering the one it has. Without a sandbox the caller is known by its process all the same."""
    request = asyncio.create_task(ask(victim, "wait", seconds=1.0))
    await asyncio.sleep(0.1)
    answer = (
        f"POST /2018-06-01/runtime/invocation/{'0' * 8}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n666"
    )
    port = victim._parts.api.port
    if scene.kind in {NONE, SHARED}:
        assert await attempt(attacker, "ask", ports=[port], requests=[NEXT, answer]) == []
    else:
        assert port == attacker._parts.api.port == 9001  # each has its own; there is no address of the other's
    assert json.loads((await request).payload) == "the victim's own answer"


async def test_servers_on_the_hosts_loopback(scene: Scene, attacker: ProcessEnvironment) -> None:
    """The daemon's own port, a database: only a network of its own keeps a function from them."""
    server = await asyncio.start_server(_greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    got = await attempt(attacker, "ask", ports=[port], requests=[NEXT])
    assert bool(got) is (scene.kind in {NONE, SHARED})
    server.close()
    await server.wait_closed()


async def _greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"welcome")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_another_environments_abstract_sockets(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    """They live in the network's namespace: who shares the host's shares them."""
    got = await attempt(attacker, "abstract", socket=scene.names["socket"])
    assert bool(got) is (scene.kind in {NONE, SHARED})


async def test_another_environments_shared_memory(
    scene: Scene, victim: ProcessEnvironment, attacker: ProcessEnvironment
) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "segment", key=scene.names["key"]))


async def test_sockets_that_see_others_traffic_or_reach_the_hypervisor(
    scene: Scene, attacker: ProcessEnvironment
) -> None:
    got = await attempt(attacker, "sockets")
    assert (got == []) if scene.sandboxed else ("packet" in got) is ROOT


# the kernel


async def test_system_calls_that_no_function_needs(scene: Scene, attacker: ProcessEnvironment) -> None:
    """Not permitted, whatever their arguments. Without a sandbox the kernel at least looks at them."""
    harmless = ["process_vm_readv", "pidfd_getfd", "io_uring_enter", "keyctl"]
    if not scene.sandboxed:
        assert await attempt(attacker, "calls", names=harmless)
        return
    names = """mount umount2 pivot_root chroot fsopen open_tree mount_setattr setns process_vm_readv process_vm_writev pidfd_getfd bpf
        perf_event_open keyctl add_key request_key kexec_load init_module finit_module userfaultfd io_uring_setup io_uring_enter
        open_by_handle_at reboot swapon settimeofday syslog"""
    assert await attempt(attacker, "calls", names=names.split()) == []


async def test_a_user_namespace_in_which_one_is_root(scene: Scene, attacker: ProcessEnvironment) -> None:
    succeeds_without_sandbox(scene, await attempt(attacker, "user_namespace"))


async def test_the_system_calls_of_another_table(scene: Scene, attacker: ProcessEnvironment) -> None:
    assert await attempt(attacker, "old_table") == []


async def test_becoming_somebody_else(scene: Scene, attacker: ProcessEnvironment) -> None:
    """By set-user-id programs of the host neither, sandbox or not."""
    got = await attempt(attacker, "powers")
    assert got == (["uid 0"] if ROOT and not scene.sandboxed else [])


# what a process has of ours


async def test_a_process_has_nothing_of_the_daemons(scene: Scene, attacker: ProcessEnvironment) -> None:
    about = await attempt(attacker, "about")
    status = about["status"]
    assert set(about["fds"]) <= {0, 1, 2, 62} | set(range(3, 6))  # the client's connection, and the listing itself
    assert about["umask"] == 0o022
    assert about["session"]
    assert about["tty"] == []
    assert int(status["SigIgn"], 16) & ~OF_THE_C_LIBRARY == PYTHON_IGNORES
    assert int(status["SigBlk"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert about["oom"] == 500
    assert about["limits"][0] == [1024, 1024]
    assert about["limits"][2] == [0, 0]
    if scene.sandboxed:
        assert {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
            "CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapBnd": 0, "CapAmb": 0,
        }  # fmt: skip
        assert status["Seccomp"] == "2"
        assert about["limits"][1] == [1024, 1024]
        assert about["groups"] == []
        assert len(set(about["ids"][:3])) == 1
        assert about["ids"][0] >= 2_000_000_000 if ROOT else about["ids"] == [993] * 3 + [990] * 3


async def test_modules_that_touch_what_is_refused_import_all_the_same(
    scene: Scene, attacker: ProcessEnvironment
) -> None:
    names = ["ssl", "asyncio", "multiprocessing.pool", "concurrent.futures", "ctypes", "mmap", "boto3", "uuid", "sqlite3"]  # fmt: skip
    await attempt(attacker, "modules", names=names)


# limits


async def test_filling_the_disk(scene: Scene, attacker: ProcessEnvironment) -> None:
    """/tmp takes what it is configured to (8 MB here); without a sandbox it is the host's, without a limit."""
    megabytes = await attempt(attacker, "fill", most=32)
    assert 7 <= megabytes <= 8 if scene.sandboxed else megabytes == 32


async def test_files_without_bytes(scene: Scene, attacker: ProcessEnvironment) -> None:
    files = await attempt(attacker, "empty_files", most=3000)
    assert 2000 <= files <= 2048 if scene.sandboxed else files == 3000


async def test_a_fork_bomb(scene: Scene) -> None:
    attacker = await scene.environment("attacker", memory_mb=10240)
    forks = await attempt(attacker, "forks", most=1100)
    assert 1000 <= forks <= 1024 if scene.sandboxed else forks == 1100
    assert await attempt(attacker, "trace") == [] or not scene.sandboxed


async def test_a_chain_of_processes_deeper_than_a_stack(scene: Scene) -> None:
    """Who looks for descendants must not descend with them."""
    attacker = await scene.environment("attacker", memory_mb=10240)
    assert await attempt(attacker, "chain", most=1010, seconds=1.0) == ["lived"]
    hog = await ask(await scene.environment("attacker", memory_mb=128), "hog", megabytes=300, seconds=20)
    assert hog.error_type == "Runtime.OutOfMemory"  # the watch over memory goes on


async def test_more_descriptors_than_there_may_be(scene: Scene, attacker: ProcessEnvironment) -> None:
    assert 1000 <= await attempt(attacker, "descriptors", most=2000) <= 1024


async def test_descriptors_under_way_do_not_keep_the_daemon_from_sending_its_own(
    scene: Scene, attacker: ProcessEnvironment
) -> None:
    assert await attempt(attacker, "descriptors_under_way", most=5000) >= 1000
    other = await scene.environment("attacker")
    assert (await attempt(other, "about"))["session"]


async def test_more_memory_than_there_may_be(scene: Scene, attacker: ProcessEnvironment) -> None:
    result = await ask(attacker, "hog", megabytes=400, seconds=20)
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.OutOfMemory")
    assert json.loads(result.payload)["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert (await attempt(attacker, "about"))["session"]


async def test_more_memory_than_there_may_be_during_init(scene: Scene) -> None:
    environment = await scene.environment("glutton")
    result = await ask(environment, "anything")
    assert (result.status, result.error_type) == (Status.FAILURE, "Runtime.OutOfMemory")
    assert result.max_memory_mb == 256
    assert json.loads(result.payload)["errorMessage"].endswith("Runtime exited with error: signal: killed")


async def test_memory_that_processes_share_is_counted_once(scene: Scene, attacker: ProcessEnvironment) -> None:
    assert await attempt(attacker, "share", megabytes=100, processes=5, seconds=1.0) == 100 * 1024 * 1024


async def test_orphans_do_not_stay_as_zombies(scene: Scene, attacker: ProcessEnvironment) -> None:
    """They would count as processes, of which there are not many."""
    if not scene.sandboxed:
        pytest.skip("the host's zombies are its own affair")
    assert await attempt(attacker, "orphans", count=20) == []


# the end


async def test_a_process_left_behind(scene: Scene, attacker: ProcessEnvironment) -> None:
    """It is gone with its environment; without a sandbox one that gave up all that it could be known by is not."""
    name = f"left-{scene.names['socket']}"

    def left() -> list[int]:
        return processes(lambda path: name.encode() in (path / "cmdline").read_bytes())

    await ask(attacker, "stay", name=name)
    assert left()
    await attacker.stop()
    if scene.sandboxed:
        assert left() == []
    else:
        (pid,) = left()
        os.kill(pid, signal.SIGKILL)


async def test_a_function_that_stops_whoever_enters_its_sandbox(scene: Scene) -> None:
    """Nobody else waits for it; and it is ended, by force of repetition or with its whole sandbox."""
    if not scene.sandboxed:
        pytest.skip("it would stop the machine")
    attacker = await scene.environment("attacker", timeout_seconds=1.0)
    stopping = asyncio.create_task(ask(attacker, "stop_everybody"))
    began = time.monotonic()
    other = await scene.environment("victim")
    assert await attempt(other, "wait", seconds=2.5) == "the victim's own answer"
    assert time.monotonic() - began < 15
    assert (await stopping).error_type == "Sandbox.Timedout"
    assert (await attempt(attacker, "about"))["session"]
