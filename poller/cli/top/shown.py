"""Two looks at a daemon -> what is shown of it, as values and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from poller.cli.top.sample import Sample, quantile, rate

OF_MAPPINGS = ("mapping", "state", "records/s", "batches/s", "lag", "in hand", "errors/s", "why")
OF_FUNCTIONS = ("function", "invocations/s", "p50 ms", "p99 ms", "busy", "environments", "waiting", "errors/s")
SORTS = ("", "records/s", "lag", "errors/s", "invocations/s", "p99 ms")
"""Columns that one may sort by, largest first; "" is by name."""


def shown(before: Sample, after: Sample) -> dict[str, Any]:
    """``{"daemon": {…}, "mappings": […], "functions": […]}``; members are named as the columns are."""
    functions = after.labelled("pollerd_environments", "function")
    return {
        "daemon": {
            "cpu %": round(100 * rate(before, after, "process_cpu_seconds_total"), 1),
            "memory MB": round(after.sum("process_resident_memory_bytes") / 1e6, 1),
            "slots in use": int(after.sum("pollerd_slots_in_use")),
            "slots waited for": int(after.sum("pollerd_slots_waiting")),
        },
        "mappings": [_mapping(view, before, after) for view in after.mappings],
        "functions": [_function(name, before, after) for name in functions],
    }


def tables(found: Mapping[str, Any], sort: str) -> list[Table]:
    """For people."""
    about = Table(box=None, show_header=False)
    about.add_row("pollerd", *(f"{name} {value}" for name, value in found["daemon"].items()))
    return [about, _table(OF_MAPPINGS, found["mappings"], sort), _table(OF_FUNCTIONS, found["functions"], sort)]


def _mapping(view: Mapping[str, Any], before: Sample, after: Sample) -> dict[str, Any]:
    name = view["mapping"]
    why = view.get("trouble") or next((each["sentence"] for each in view.get("reasons", ())), "")
    return {
        "mapping": name,
        "state": view["state"] if view.get("healthy", True) else "stalled",
        "records/s": round(rate(before, after, "pollerd_records_settled_total", mapping=name, outcome="delivered"), 1),
        "batches/s": round(rate(before, after, "pollerd_batches_judged_total", mapping=name), 1),
        "lag": view.get("lag"),
        "in hand": view.get("records_in_hand", 0),
        "errors/s": round(rate(before, after, "pollerd_batches_judged_total", mapping=name, verdict="failed"), 1),
        "why": why,
    }


def _function(name: str, before: Sample, after: Sample) -> dict[str, Any]:
    whole = rate(before, after, "pollerd_invocations_total", function=name)
    well = rate(before, after, "pollerd_invocations_total", function=name, status="success")
    p50, p99 = (quantile(before, after, "pollerd_invocation_seconds", share, function=name) for share in (0.5, 0.99))
    return {
        "function": name,
        "invocations/s": round(whole, 1),
        "p50 ms": None if p50 is None else round(p50 * 1000, 1),
        "p99 ms": None if p99 is None else round(p99 * 1000, 1),
        "busy": int(after.sum("pollerd_environments_busy", function=name)),
        "environments": int(after.sum("pollerd_environments", function=name)),
        "waiting": int(after.sum("pollerd_invocations_waiting", function=name)),
        "errors/s": round(max(0.0, whole - well), 1),
    }


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], sort: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), expand=False)
    for n, column in enumerate(columns):
        left = n == 0 or column in {"state", "why"}
        table.add_column(
            column, justify="left" if left else "right", overflow="fold" if column == "why" else "ellipsis"
        )
    ordered = sorted(rows, key=lambda row: -(row[sort] or 0)) if sort in columns and sort else rows
    for row in ordered:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    return table
