"""What the engine asks of the store that keeps a mapping's checkpoints and marks (control/checkpoints.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from connectors.contract import Checkpoints

Marks = Mapping[str, str]
"""What is known of one partition beyond its checkpoint: lane -> last position that is done there. A lane is named with the number of lanes
that it is one of, ``3/10``. Other names in it (``from``, ``window``) are the engine's, and their values its own words."""


class LaneCheckpoints(Checkpoints, Protocol):
    """Checkpoints of one mapping, and marks for lanes that are ahead of them. Both survive a crash.

    ``move`` to another position forgets the partition's marks: they say what was done on the way there.
    """

    def marks(self) -> Mapping[str, Marks]:
        """Partition -> its marks, all there are, those just written included."""
        ...

    async def mark(self, marks: Mapping[str, Marks]) -> None:
        """The marks of these partitions from now on; each replaces what the partition had, an empty one forgets it. Others keep theirs.

        Durable when it returns. Raises ``SourceError`` when the store cannot be used for now.
        """
        ...
