"""What the demo shows: progress while it runs, and the sums at its end."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from poller.cli.demo.orders import KINDS, Orders
from poller.cli.demo.processes import Daemon, fetch


class Watch:
    """Reads the daemon's log and metrics."""

    def __init__(self, daemon: Daemon, orders: Orders) -> None:
        self._daemon = daemon
        self._orders = orders
        self._lines = daemon.log.open()
        self._console = Console()
        self._handled: dict[int, dict[str, Any]] = {}
        self._failures = Counter[int]()

    def until_complete(self, give_up: float) -> bool:
        """Show progress until every order is accounted for, or it takes too long."""
        with self._lines, self._console.status("...") as status:
            while time.monotonic() < give_up and self._daemon.running:
                self._read()
                dead = self._orders.dead_lettered()
                filtered = int(self._metric("pollerd_records_filtered_total"))
                status.update(
                    f"handled {len(self._handled)}, filtered {filtered}, failed {len(self._failures)}, dead {dead}"
                )
                wanted = KINDS["plain"] + KINDS["flaky"]
                if len(self._handled) == wanted and dead == KINDS["poison"] and not self._orders.left():
                    return True
                time.sleep(0.2)
        return False

    def summary(self, *, complete: bool) -> None:
        """The sums."""
        seconds = sorted(line["seconds"] for line in self._handled.values())
        table = Table("", "orders", show_edge=False)
        table.add_row("sent", str(sum(KINDS.values())))
        table.add_row("delivered", str(len(self._handled)))
        table.add_row("filtered out", str(int(self._metric("pollerd_records_filtered_total"))))
        table.add_row("retried", str(sum(line["receives"] > 1 for line in self._handled.values())))
        table.add_row("dead-lettered", str(self._orders.dead_lettered()))
        table.add_row("batches, by size", self._sizes())
        if seconds:
            median, worst = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
            table.add_row(
                "send to handler", f"p50 {median * 1000:.0f} ms, p99 {worst * 1000:.0f} ms (retries included)"
            )
        self._console.print(table)
        self._console.print(
            "every order is accounted for" if complete else "[red]not every order is accounted for[/red]"
        )

    def _read(self) -> None:
        """Lines of the function in the daemon's log."""
        while line := self._lines.readline():
            try:
                said = json.loads(json.loads(line)["event"])
            except (ValueError, KeyError):
                continue  # a line that is not the function's
            if isinstance(said, dict) and "handled" in said:
                self._handled[said["handled"]] = said
            elif isinstance(said, dict) and "failed" in said:
                self._failures[said["failed"]] += 1

    def _metric(self, name: str) -> float:
        page = fetch(self._daemon.port, "/metrics") or ""
        families = text_string_to_metric_families(page)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def _sizes(self) -> str:
        """Batches of each size class, e.g. ``45 of 10, 6 of 3-5``."""
        page = fetch(self._daemon.port, "/metrics") or ""
        samples = [s for f in text_string_to_metric_families(page) for s in f.samples]
        counts = {s.labels["le"]: int(s.value) for s in samples if s.name == "pollerd_batch_records_bucket"}
        parts, before, below = [], 0, 0
        for bound, count in counts.items():
            if count > before and bound != "+Inf":
                top = int(float(bound))
                parts.append(f"{count - before} of {top if top <= below + 1 else f'{below + 1}-{top}'}")
            before, below = count, 0 if bound == "+Inf" else int(float(bound))
        return ", ".join(parts)
