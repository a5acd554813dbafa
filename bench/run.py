"""What every measurement is handed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One run. quick: small sizes. deep: very long queues too. scratch: removed at its end.

    say: tells the person who waits what is going on.
    """

    quick: bool
    deep: bool
    scratch: Path
    say: Callable[[str], None]

    def size(self, full: int, quick: int) -> int:
        """Whichever applies to this run."""
        return quick if self.quick else full

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for one program's files."""
        with tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as name:
            yield Path(name)
