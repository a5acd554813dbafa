"""What must hold for a function whose environments run several invocations at once: a log whose lines say whose they are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from poller.settings.model import FunctionSettings
from poller.settings.nodes import Keys
from poller.settings.problems import Finding

KEY = "per_execution_environment_max_concurrency"
FORMAT = "AWS_LAMBDA_LOG_FORMAT"


def check_concurrent(keys: Keys, function: FunctionSettings, sound: Callable[[Keys], bool]) -> Iterator[Finding]:
    """Findings about one function that runs here. sound: whether the value at these keys could be read."""
    if not sound((*keys, KEY)) or function.per_execution_environment_max_concurrency == 1:
        return
    sentence = f"with {KEY} above 1 the log is in JSON: of other lines nobody could say which invocation wrote them"
    if sound((*keys, "logging")) and function.logging.log_format != "JSON":
        yield Finding((*keys, "logging", "log_format"), sentence, "logging: {log_format: JSON}")
    if sound((*keys, "environment")) and function.environment.get(FORMAT, "JSON").upper() != "JSON":
        yield Finding((*keys, "environment", FORMAT), sentence, "leave it out")
