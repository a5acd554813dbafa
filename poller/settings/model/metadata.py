"""What the metadata of a field may say, and the words that several fields share.

Metadata, enforced by decode.py and shown by render.py; connectors may use the same words in their Options:

* ``minimum``, ``maximum``: inclusive. ``choices``: the only values. ``pattern``: a regular expression for the whole text, with
  ``words`` saying what it asks for. All of them hold for each item of a list and each value of a mapping.
* ``keys``, ``keys_words``: the same as pattern and words, for the keys of a mapping.
* ``path``: the text names a file or folder, relative to the file it stands in; it becomes absolute. A prefix in place of True: only
  what follows that prefix does.
* ``unversioned``: belongs to the function as a whole; publishing a version does not freeze it.
* ``unless``: the key may be left out only where this other key stands.
* ``secret``: never shown, logged or rendered. Such a field also says ``repr=False``. Its text may be a reference (secrets.py).
* ``reference``: of a mapping whose texts are no references: the key under which one stands in place of a text.
* ``example``: what the rendered file shows where there is no default to show; for a mapping of dataclasses, a name.
  ``shown``: the example stands there in force, because the file would not do without it, or would be empty.
"""

from __future__ import annotations

from typing import Any

NAME = {
    "keys": r"[a-zA-Z0-9_-]{1,64}",
    "keys_words": "a name: 1 to 64 letters, digits, hyphens and underscores",
}  # AWS's pattern of a bare function name (Lambda API reference, FunctionName); mappings are named alike


def between(minimum: float, maximum: float | None = None) -> dict[str, Any]:
    """Metadata of a number with bounds, both inclusive."""
    return {"minimum": minimum} | ({} if maximum is None else {"maximum": maximum})
