"""Where one runtime is built: a folder beside its final place, a log, and commands whose failure is told with their last words.

Nothing of a build that fails, or is killed, is ever in force; what a killed one left is removed by the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

LAST_WORDS = 12
"""Lines of a failed command's output that are shown."""

Say = Callable[[str], None]

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


class BuildError(Exception):
    """The runtime cannot be built. The message says what failed, and the remedy where one is known."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """The folder of a build under way, and whom to tell about it."""

    folder: Path
    say: Say

    @property
    def client(self) -> Path:
        """Becomes /var/runtime."""
        return self.folder / "client"

    @property
    def root(self) -> Path:
        """Becomes the root file system, for builds that have one."""
        return self.folder / "root"

    def run(self, step: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Run a step to its end. environment: added to ours. Returns all that it wrote. Raises BuildError."""
        self.say(f"{step} ...")
        began = time.monotonic()
        log = self.folder / "build.log"
        with log.open("ab") as file:
            start = file.tell()
            try:
                status = self._status(command, file, {**os.environ, **(environment or {})})
            except OSError as error:
                raise BuildError(f"{step}: {command[0]} cannot be started: {error.strerror}") from error
        output = log.read_bytes()[start:].decode(errors="replace")
        if status != 0:
            words = output.strip().splitlines()[-LAST_WORDS:]
            raise BuildError("\n  ".join([f"{step}: {command[0]} ended with status {status}", *words]))
        self.say(f"{step}: done in {time.monotonic() - began:.1f} s")
        return output

    def _status(self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> int:
        """Run a command. If we are interrupted, it ends with all that it started: package clients start compilers.

        An interruption while it is being started counts when it is there, else nobody would know what to end.
        """
        early: list[int] = []
        former = {number: signal.signal(number, lambda got, _: early.append(got)) for number in INTERRUPTIONS}
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )
        except OSError:
            _restore(former)
            raise
        try:
            _restore(former)
            if early:
                signal.raise_signal(signal.SIGTERM)  # to the handler of ``workshop``
            return process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def seen_client(self, *, rooted: bool) -> str:
        """The client's folder as commands of ``with_client`` see it."""
        return "/var/runtime" if rooted else str(self.client)

    def with_client(self, step: str, command: Sequence[str], *, rooted: bool) -> str:
        """Run a step that may write the client's folder; rooted: in the root file system, with the host's network. As ``run``."""
        if not rooted:
            return self.run(step, command)
        need({"bwrap": "bubblewrap"}, "a root file system is entered through bubblewrap")
        inside = ["--bind", str(self.root), "/", "--bind", str(self.client), self.seen_client(rooted=True)]
        inside += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108  # of the sandbox
        network = [path for path in ("/etc/resolv.conf", "/etc/hosts") if Path(path).exists()]
        inside += [part for path in network for part in ("--ro-bind", path, path)]
        return self.run(step, ["bwrap", *inside, "--die-with-parent", "--chdir", "/", *command])


def need(programs: Mapping[str, str], why: str) -> None:
    """Check that programs are there. programs: name -> Debian package that has it. Raises BuildError naming all that are not."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        packages = " ".join(dict.fromkeys(programs[name] for name in missing))
        raise BuildError(f"not found: {', '.join(missing)} ({why}); on Debian: apt-get install {packages}")


@contextlib.contextmanager
def workshop(state: Path, say: Say) -> Iterator[Workshop]:
    """A folder for one build, removed unless it was moved away. SIGTERM ends a build as Ctrl-C does."""
    builds = state / "runtimes"
    builds.mkdir(parents=True, exist_ok=True)
    _remove_left_over(builds)
    folder = Path(tempfile.mkdtemp(dir=builds, prefix=f".building-{os.getpid()}-"))
    folder.chmod(0o755)
    (folder / "client").mkdir()
    former = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield Workshop(folder, say)
    finally:
        signal.signal(signal.SIGTERM, former)
        shutil.rmtree(folder, ignore_errors=True)


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _remove_left_over(builds: Path) -> None:
    for folder in builds.glob(".building-*-*"):
        if not Path(f"/proc/{folder.name.split('-')[1]}").exists():
            shutil.rmtree(folder, ignore_errors=True)
