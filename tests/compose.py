"""Where the Compose stack's files lie, and what its board and its alerts ask of Prometheus."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

HOUSE = Path(__file__).parent.parent
FILES = HOUSE / "config" / "compose"
BOARD: dict[str, Any] = json.loads((FILES / "grafana" / "dashboards" / "pollerd.json").read_text())


def expressions() -> list[str]:
    """All of PromQL in the board, its variables and the alerts."""
    board = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", [])]
    variables = [variable["definition"] for variable in BOARD["templating"]["list"]]
    groups = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"]
    return [*board, *variables, *(rule["expr"] for group in groups for rule in group["rules"])]


def metrics() -> set[str]:
    """Names of pollerd's metrics in them, as families: without _bucket, _sum and _count."""
    names = {name for text in expressions() for name in re.findall(r"\b(?:pollerd|process)_\w+", text)}
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
