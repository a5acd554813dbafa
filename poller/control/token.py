"""The word that proves that who asks may write in the state folder: whoever can read it could change the state file as well.

The daemon's port is open to every program of the host, to web pages in a browser, and to functions on the host's network. What changes
something there asks for this word; what only tells does not.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

FILE = ".token"


def token(state: Path) -> str:
    """The state folder's, made when it is first asked for; the same for all processes. Raises OSError."""
    path = state / FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_text()
    state.mkdir(parents=True, exist_ok=True)
    own = state / f"{FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    with contextlib.suppress(FileExistsError):  # another process was faster; a name that is there is whole
        path.hardlink_to(own)
    own.unlink()
    return path.read_text()
