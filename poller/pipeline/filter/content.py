r"""What rules may see of a record: the record itself, with its content read as text or as JSON.

A rule that names fields inside the content reads it as JSON; one that gives the content itself a list of strings reads
it as text; others do not read it. Where content and rule are of different kinds, SQS drops the message: the rule
refuses (Lambda DG, Using event filtering with an Amazon SQS event source). A JSON number, ``true``, ``null`` or quoted
string is both valid JSON and a plain text, and the guide says nothing of them: here they are of either kind, so that
nothing is dropped for its kind alone that one reading would keep.

Other sources decode and disagree differently (base64; Kafka passes over the content part of a pattern of the wrong
kind). Each is another class beside ``SqsViews``, with ``of`` and ``why_not``.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Any

import orjson

from poller.pipeline.filter.match import Rule
from poller.pipeline.filter.path import ABSENT


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


class SqsViews:
    """The views of one record, whose content is a text. It is parsed once at most, and only when a rule reads it."""

    __slots__ = ("_json", "_key", "_parsed", "_record")

    def __init__(self, record: Mapping[str, Any], key: str) -> None:
        self._record = record
        self._key = key
        self._parsed = False
        self._json: Any = ABSENT

    def of(self, what: Reads) -> Mapping[str, Any] | None:
        """Return what a rule sees that reads so; None where the content is of the wrong kind for it."""
        if what is Reads.NOTHING:
            return self._record
        if not self._parsed:
            self._json = parsed(self._record.get(self._key))
            self._parsed = True
        if what is Reads.JSON and self._json is not ABSENT:
            return {**self._record, self._key: self._json}
        if what is Reads.TEXT and not isinstance(self._json, dict | list):
            return self._record
        return None

    def why_not(self) -> str:
        """Return a phrase for a content that was refused for its kind."""
        return "plain text" if self._json is ABSENT else "JSON"


def parsed(content: object) -> Any:
    """Return the content's JSON value, ``ABSENT`` where it is no JSON. What is no text counts as decoded already."""
    if not isinstance(content, str):
        return content
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
