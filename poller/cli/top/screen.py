"""The terminal of ``pollerd top``: shown anew each second, until q. The terminal is left as it was found."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.text import Text

from poller.cli.daemon import AwayError, DeniedError
from poller.cli.top.sample import Sample
from poller.cli.top.shown import SORTS, shown, tables


def show(look: Callable[[], Sample], seconds: float) -> None:
    """Until q or Ctrl-C. look: raises AwayError, DeniedError; the first time they are the caller's, later they are shown."""
    before, sort, paused, away, found = look(), 0, False, "", None
    with _keys() as key, Live(screen=True, auto_refresh=False) as live:
        while True:
            pressed = key(seconds)
            if pressed in {"q", "\x03"}:
                return
            paused = paused != (pressed == "p")
            sort = (sort + (pressed == "s")) % len(SORTS)
            if not (paused or pressed):
                try:
                    now = look()
                    found, before, away = shown(before, now), now, ""
                except (AwayError, DeniedError) as error:
                    away = str(error)
            by = SORTS[sort] or "name"
            said = Text(
                f"{time.strftime('%H:%M:%S')}  by {by}{'  paused' if paused else ''}  q p s  {away}", style="dim"
            )
            live.update(Group(said, *(tables(found, SORTS[sort]) if found else ())), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Keys as they are pressed: call it with the seconds to wait for one; "" when none came. Ctrl-C is one."""
    descriptor = sys.stdin.fileno()
    kept = termios.tcgetattr(descriptor)

    def key(seconds: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return os.read(descriptor, 1).decode(errors="replace") or "q" if ready else ""

    try:
        tty.setcbreak(descriptor)
        yield key
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, kept)
