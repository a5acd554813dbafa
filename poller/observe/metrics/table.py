"""The table of all metrics, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from poller.observe.metrics.plain import About

HEAD = """# Metrics

What `/metrics` of a daemon shows, beside `process_*` and `python_*` of every Python process. Rendered from the code by
`pollerd schema --write config`; a test holds it against a running daemon's page.

A histogram has the endings `_bucket`, `_count` and `_sum`. Counters begin at 0 when the daemon starts. Labels are names of the
configuration and closed sets of words. The last column names AWS's own metrics of the same meaning; theirs are in milliseconds, ours in
seconds, as Prometheus has it.
"""


def table(abouts: Iterable[About]) -> str:
    """As a file, Markdown; by name."""
    return "\n".join(
        [HEAD, "| metric | type | labels | unit | meaning | AWS |", "|---|---|---|---|---|---|", *_rows(abouts), ""]
    )


def _rows(abouts: Iterable[About]) -> Iterator[str]:
    for about in sorted(abouts, key=lambda about: about.full_name):
        labels = ", ".join(f"`{label}`" for label in about.labels)
        cells = (f"`{about.full_name}`", about.kind, labels, about.unit, about.text, about.aws)
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
