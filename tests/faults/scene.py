"""One test's set-up: queues on a server, functions, mappings, one daemon, and the verdict over it all."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from poller.execution.sandbox.isolation import unavailable
from tests.faults.daemon import MARKER, Daemon
from tests.faults.oracle import Journal, Note, Row, Verdict, ends
from tests.faults.queues import Queue, sqs_client
from tests.faults.until import until

FUNCTION = Path(__file__).parent / "function"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


class Producer(Protocol):
    """What was sent to a source of the scene, and what has become of it there."""

    sent: list[int]

    def send(self, count: int, **message: Any) -> list[int]:
        """Send so many messages alike; returns their numbers."""
        ...

    def wait_empty(self) -> None:
        """Return when nothing is left in it to be handled."""
        ...

    def dead(self) -> list[int]:
        """Numbers that were given up, and are where such records go."""
        ...


class Scene:
    """Put together first, then ``daemon()``; ``judge`` at the end. record: takes the table's row."""

    def __init__(self, folder: Path, server: str, record: Callable[[Row], None]) -> None:
        self._shared = folder / "shared"
        self._shared.mkdir(exist_ok=True)
        self._shared.chmod(0o777)  # functions may run as a user of their own
        self.journal = Journal(self._shared / "journal.jsonl")
        self.journal.path.touch()
        self.journal.path.chmod(0o666)
        self.sources: list[Producer] = []
        self._folder = folder
        self._server = server
        self._record = record
        self.numbers = itertools.count()
        self._began = time.monotonic()
        self._functions: dict[str, Any] = {}
        self._mappings: dict[str, Any] = {}
        self._daemons: list[Daemon] = []
        self._sqs: Any = None

    def close(self) -> None:
        """End what is left of the daemons. What outlived a SIGKILL is a failure, and is ended all the same."""
        for daemon in self._daemons:
            daemon.kill()
        try:
            for daemon in self._daemons:
                daemon.wait_gone()
        finally:
            for daemon in self._daemons:
                daemon.end_strays()
            self._close_client()

    def _close_client(self) -> None:
        if self._sqs is not None:
            self._sqs.close()

    def queue(self, *, create: bool = True, **options: Any) -> Queue:
        """A queue, which exists unless create is False; options as of ``Queue``."""
        self._sqs = self._sqs or sqs_client(self._server)
        queue = Queue(self._sqs, self.numbers, **options)
        if create:
            queue.create()
        self.sources.append(queue)
        return queue

    def variables(self) -> dict[str, str]:
        """What function/app.py needs in its environment."""
        return {MARKER: str(self._folder), "JOURNAL": f"{self.shared}/{self.journal.path.name}"}

    def noting(self, *, partial: bool = False) -> dict[str, Any]:
        """What makes a function that of function/app.py: its code, and its way to the journal."""
        variables = self.variables() | ({"PARTIAL": "1"} if partial else {})
        function: dict[str, Any] = {"code": str(FUNCTION), "runtime": RUNTIME, "environment": variables}
        if not unavailable():
            function["file_system_configs"] = [{"path": str(self._shared), "local_mount_path": self.shared}]
        return function

    @property
    def shared(self) -> str:
        """Where functions see the folder that they share with the test."""
        return str(self._shared) if unavailable() else "/mnt/shared"

    def gate(self, name: str = "gate") -> tuple[Path, str]:
        """A file that handlers may wait for: where the test makes it, and where a message says it is."""
        return self._shared / name, f"{self.shared}/{name}"

    def function(self, name: str = "worker", *, partial: bool = False, **settings: Any) -> None:
        """The function of function/app.py. partial: it names failed records instead of raising."""
        basic = {"handler": "app.handler", "timeout_seconds": 60, "memory_mb": 256, **self.noting(partial=partial)}
        self._functions[name] = {**basic, **settings}

    def elsewhere(self, remote: dict[str, Any], name: str = "worker", **settings: Any) -> None:
        """A function that a server of the test's runs."""
        self._functions[name] = {"remote": remote, "timeout_seconds": 60, **settings}

    def mapping(self, name: str, queue: str, function: str = "worker", **settings: Any) -> None:
        """A mapping from a queue, by whatever name, to a function."""
        source = {"type": "sqs", "queue": queue, **settings.pop("source", {})}
        self._mappings[name] = {"source": source, "function": function, **settings}

    def source(self, name: str, source: dict[str, Any], function: str = "worker", **settings: Any) -> None:
        """A mapping from any source to a function."""
        self._mappings[name] = {"source": source, "function": function, **settings}

    def daemon(self, **settings: Any) -> Daemon:
        """A daemon for all this, not yet started."""
        config = self._folder / f"pollerd-{len(self._daemons)}.json"
        daemon = Daemon(config, str(self._folder))
        self.write(daemon, **settings)
        self._daemons.append(daemon)
        return daemon

    def write(self, daemon: Daemon, **settings: Any) -> None:
        """The daemon's configuration as things are now; one that runs reads it when it is told to."""
        whole = {
            "state": str(self._folder / "state"),
            "http": {"listen": "127.0.0.1:0"},
            "aws": {"region": "us-east-1", "endpoint_url": self._server},
            "functions": self._functions,
            "event_source_mappings": self._mappings,
            **settings,
        }
        daemon.config.write_text(json.dumps(whole, indent=2))

    def notes(self) -> list[Note]:
        return self.journal.notes()

    def handled(self) -> int:
        """Messages handled at least once."""
        return len(self.handled_ones())

    def handled_ones(self) -> set[int]:
        """Their numbers."""
        return set(ends(self.notes()))

    def wait_handled(self, count: int, seconds: float = 90.0) -> None:
        until(lambda: self.handled() >= count, f"{count} messages are handled", seconds)

    def wait_more(self, count: int) -> None:
        """Return when so many further notes are written: the function is at work now."""
        wanted = len(self.notes()) + count
        until(lambda: len(self.notes()) >= wanted, "the function is at work")

    def wait_started(self, number: int, seconds: float = 60.0) -> None:
        until(lambda: number in self.started(), f"message {number} is run", seconds)

    def started(self) -> set[int]:
        """Messages that the handler has begun with."""
        return {note.n for note in self.notes() if note.what == "start"}

    def judge(self, fault: str, *, bound: int, why: str, dead: Sequence[int] = ()) -> Verdict:
        """Wait until the queues are empty and of streams all is handled, write the table's row, and hold the verdict to its promises.

        bound: duplicates at most. dead: the only messages that may have come to a dead-letter queue, and must have.
        """
        for source in self.sources:
            source.wait_empty()
        found = [number for source in self.sources for number in source.dead()]
        sent = [number for source in self.sources for number in source.sent]
        verdict = Verdict(sent, ends(self.notes()), found)
        seconds = time.monotonic() - self._began
        lost, duplicates = len(verdict.lost), verdict.duplicates
        self._record(Row(fault, len(sent), len(verdict.handled), lost, duplicates, bound, why, seconds))
        assert not verdict.lost, f"{lost} lost, the first {verdict.lost[0]}"
        assert not verdict.strangers, f"never sent: {verdict.strangers[:5]}"
        unexpected = sorted(set(found) ^ set(dead))
        assert not unexpected, f"{len(found)} dead-lettered, not {len(dead)}; the first difference is {unexpected[0]}"
        assert duplicates <= bound, f"{duplicates} duplicates are more than {bound}: {why}"
        return verdict
