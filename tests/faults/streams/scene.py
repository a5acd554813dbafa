"""A scene whose work comes from a stream instead of a queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.oracle import Row
from tests.faults.scene import Scene
from tests.faults.streams.sources import Numbered, Stream


class StreamScene(Scene):
    """One stream on a server, one function, one mapping."""

    def __init__(self, folder: Path, server: Any, record: Callable[[Row], None], stream: Stream) -> None:
        super().__init__(folder, getattr(server, "url", "http://127.0.0.1:1"), record)
        self.server = server
        self.folder = folder
        self.of = stream
        self.stream = Numbered(stream, self.numbers, folder / "failures", self.handled_ones)
        self.sources.append(self.stream)
        stream.create()

    def work(self, *, partial: bool = False, **settings: Any) -> None:
        """A function for the stream's records, and the mapping ``work`` to it. partial: it names the first failed record."""
        self.function(handler="streams.handler", partial=partial)
        if partial:
            settings["function_response_types"] = ["ReportBatchItemFailures"]
        begin = {"starting_position": "TRIM_HORIZON"}
        self.source("work", self.of.source(), **begin, **settings)

    def failing_to_files(self) -> dict[str, Any]:
        """The setting that has failure records written to the folder that the verdict looks into."""
        return {"destination_config": {"on_failure": {"destination": f"file:{self.stream.failures}"}}}

    def close(self) -> None:
        """Also the producer's connection."""
        try:
            super().close()
        finally:
            self.of.close()
