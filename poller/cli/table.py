"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

UNFOLDED = 10_000
"""Characters of a line that goes elsewhere than to a terminal: there it is searched, and a folded cell is not found."""


def show(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; texts stand as they are."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = UNFOLDED
    console.print(table)
