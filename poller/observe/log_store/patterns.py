"""Filter patterns (CloudWatch Logs UG, Filter pattern syntax): text -> whether a message matches. Pure.

Terms and "quoted phrases" must all be in the message; of ``?terms`` one must; a ``-term`` must not. They are looked for as they stand,
in the case they have, inside words too. ``{ ... }`` looks into messages that are JSON objects. What is not understood is refused, since a
pattern that finds less than it says is worse than none: regular expressions (``%...%``), which could keep the daemon busy for minutes
with one long line, and space-delimited patterns (``[...]``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from poller.observe.log_store.json_patterns import compile_json
from poller.observe.log_store.pattern_error import PatternError

_TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))(?=\s|$)')


def compile_pattern(text: str) -> Callable[[str], bool]:
    """What tells whether a message matches. The empty pattern matches all. Raises PatternError."""
    text = text.strip()
    if text.startswith("{"):
        return compile_json(text)
    if text.startswith("["):
        raise PatternError("space-delimited patterns, [ ... ], are not supported here; terms and { $.key = value } are")
    return _terms(text)


def _terms(text: str) -> Callable[[str], bool]:
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise PatternError(f"{text[at:].strip()!r} is not a term; a phrase begins and ends with a quotation mark")
        terms[found["sign"]].append(_word(found["word"]) if found["phrase"] is None else unquoted(found["phrase"]))
        at = found.end()
    every, some, none = terms[""], terms["?"], terms["-"]
    if some and (every or none):
        raise PatternError("terms with ? cannot stand beside others; the service would ignore them")
    return lambda message: (
        all(term in message for term in every)
        and (not some or any(term in message for term in some))
        and not any(term in message for term in none)
    )


def _word(word: str) -> str:
    if word.startswith("%") or word.endswith("%"):
        raise PatternError("regular expressions, %...%, are not supported here; terms and { $.key = value } are")
    return word


def unquoted(text: str) -> str:
    """What stands between quotation marks, a backslash taking the next character as it is."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
