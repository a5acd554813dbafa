"""X-Amzn-Trace-Id (Lambda DG; X-Ray DG, Tracing header) and traceparent (W3C Trace Context, section 3.2). Pure.

X-Ray's ``1-<8>-<24>`` and OpenTelemetry's 32 digits are the same id, whose first eight digits are the time it was made.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_ROOT = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)")
_PARENT = re.compile(r"Parent=([0-9a-f]{16})(?:;|$)")
_SAMPLED = re.compile(r"Sampled=([01])(?:;|$)")
_W3C = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a trace. span_id: "" for its very beginning. sampled: None where that is not decided yet."""

    trace_id: str
    span_id: str
    sampled: bool | None


def read(header: str) -> Link | None:
    """Either header; None for what is neither."""
    if w3c := _W3C.fullmatch(header.strip()):
        return Link(w3c[1], w3c[2], bool(int(w3c[3], 16) & 1))
    root, parent, sampled = _ROOT.search(header), _PARENT.search(header), _SAMPLED.search(header)
    if root is None:
        return None
    return Link(root[1] + root[2], parent[1] if parent else "", sampled[1] == "1" if sampled else None)


def continued(header: str, link: Link) -> str:
    """X-Amzn-Trace-Id of what comes below the link; other fields of the header, as Lineage, stay."""
    own = f"Root=1-{link.trace_id[:8]}-{link.trace_id[8:]};Parent={link.span_id};Sampled={int(bool(link.sampled))}"
    rest = [
        field for field in header.split(";") if field and field.partition("=")[0] not in {"Root", "Parent", "Sampled"}
    ]
    return ";".join([own, *rest])


def new_trace_id(moment: float) -> str:
    """moment: seconds since 1970."""
    return f"{int(moment):08x}{os.urandom(12).hex()}"


def new_span_id() -> str:
    """Random."""
    return os.urandom(8).hex()
