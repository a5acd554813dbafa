r"""What rules may see of a record: the record itself, with its content read as text or as JSON.

A rule that names fields inside the content reads it as JSON; one that gives the content itself a list of strings reads
it as text; others do not read it. Where content and rule are of different kinds the source decides (``Content``): SQS
and Kinesis refuse the record, Kafka goes by the rest of the rule. A JSON number, ``true``, ``null`` or quoted string is both
valid JSON and a plain text, and the guide says nothing of them: here they are of either kind, so that nothing is
dropped for its kind alone that one reading would keep. So is a content that is not there (a tombstone).

Source: Lambda DG, the pages on filtering of each event source.
"""

from __future__ import annotations

import enum
import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any

import orjson

from poller.envelope.content import Content
from poller.pipeline.filter.error import FilterError
from poller.pipeline.filter.match import Rule
from poller.pipeline.filter.path import ABSENT

NAMES = frozenset({"body", "data", "value", "Message"})
"""What sources call their content; one that calls it otherwise has no member of such a name."""


class Reads(enum.Enum):
    """What a rule reads of the content."""

    NOTHING = "nothing"
    TEXT = "text"
    JSON = "JSON"
    BOTH = "both text and JSON"  # which nothing can be


def reads(rule: Rule, key: str) -> Reads:
    """What a rule reads, given the name of the content's key."""
    text = any(field.name == key for field in rule.fields)
    inside = any(field.name.startswith(f"{key}.") for field in rule.fields)
    if text and inside:
        return Reads.BOTH
    return Reads.TEXT if text else Reads.JSON if inside else Reads.NOTHING


def complaint(rule: Rule, content: Content) -> FilterError | None:
    """Why a rule can never be meant for such records; None when it can."""
    if content.inside:
        covered = f"{content.inside}.{content.key}"
        if any(f"{field.name}.".startswith(f"{covered}.") for field in rule.fields):
            return FilterError(f"patterns have it decoded at the top level: {content.key}", path=covered)
    members = {field.name.partition(".")[0] for field in rule.fields}
    if foreign := members & (NAMES - {content.key}):
        sentence = (
            f"records of this source have none, so nothing would ever pass; what they hold is called {content.key}"
        )
        return FilterError(sentence, path=min(foreign))
    if not content.texts and reads(rule, content.key) in {Reads.TEXT, Reads.BOTH}:
        return FilterError("it is JSON to patterns, never a text: name what is in it", path=content.key)
    return None


def without_content(rule: Rule, content: Content) -> Rule:
    """What a rule demands of all but the content."""
    key = content.key
    return Rule(tuple(each for each in rule.fields if each.name != key and not each.name.startswith(f"{key}.")))


class Views:
    """The views of one record. Its content is decoded once at most, and only when a rule reads it."""

    __slots__ = ("_content", "_json", "_read", "_record", "_text")

    def __init__(self, record: Mapping[str, Any], content: Content) -> None:
        self._content = content
        inside = record.get(content.inside) if content.inside else None
        self._record = {**record, **inside} if isinstance(inside, Mapping) else record
        self._read = False
        self._text: Any = ABSENT
        self._json: Any = ABSENT

    def of(self, what: Reads) -> Mapping[str, Any] | None:
        """Return what a rule sees that reads so; None where the content is of the wrong kind for it."""
        key = self._content.key
        held = self._record.get(key)
        if held is None:
            return None if what is Reads.BOTH else self._record
        if what is Reads.NOTHING:
            return self._record
        if not self._read:
            self._text, self._json = decoded(held, base64=self._content.base64)
            self._read = True
        if what is Reads.JSON and self._json is not ABSENT:
            return self._with(held, self._json)
        if what is Reads.TEXT and self._text is not ABSENT and not isinstance(self._json, dict | list):
            return self._with(held, self._text)
        return None

    def bare(self) -> Mapping[str, Any]:
        """Return what a rule sees that does not read the content."""
        return self._record

    def why_not(self) -> str:
        """Return a phrase for a content that was refused for its kind."""
        if not self._read:
            return "nothing"
        if self._json is not ABSENT:
            return "JSON"
        return "plain text" if self._text is not ABSENT else "bytes that are no text"

    def _with(self, held: Any, read: Any) -> Mapping[str, Any]:
        """Return the record with its content as it is read; the very record where that is how it stands there."""
        return self._record if read is held else {**self._record, self._content.key: read}


def decoded(content: object, *, base64: bool) -> tuple[Any, Any]:
    """The content as text and as JSON, ``ABSENT`` for what it is not. What is no text counts as decoded already."""
    if not isinstance(content, str):
        return ABSENT, content
    text = content
    if base64:
        try:
            text = a2b_base64(content).decode()
        except ValueError:
            return ABSENT, ABSENT
    return text, parsed(text)


def parsed(content: str) -> Any:
    """Return a text's JSON value, ``ABSENT`` where it is no JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return leniently(content)


def leniently(content: str) -> Any:
    r"""JSON that orjson refuses and AWS's reader takes: numbers past any double, halves of surrogate pairs (``\ud800``).

    A message is deleted when it is no JSON, so it is worth a second look.
    """
    if not content.lstrip().startswith(("{", "[")):
        return ABSENT
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return ABSENT
