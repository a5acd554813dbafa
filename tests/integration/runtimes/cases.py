"""Which function runs under which runtime, and how its errors look."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """error: keys of a handler's error, in the order of the runtime fact sheet, section 2.7, and its errorType."""

    identifier: str
    package: str
    handler: str
    error: tuple[tuple[str, ...], str]


PYTHON = (("errorMessage", "errorType", "requestId", "stackTrace"), "ValueError")
NODE = (("errorType", "errorMessage", "trace"), "RangeError")
JAVA = (("errorMessage", "errorType", "stackTrace"), "java.lang.IllegalArgumentException")
RUBY = (("errorMessage", "errorType", "stackTrace"), "Function<ArgumentError>")
CASES = [
    *(Case(f"python3.{minor}", "python", "app.handler", PYTHON) for minor in range(9, 15)),
    *(Case(f"nodejs{major}.x", "node_esm", "index.handler", NODE) for major in (20, 22, 24)),
    *(Case(f"nodejs{major}.x", "node_cjs", "index.handler", NODE) for major in (20, 22, 24)),
    *(Case(f"java{number}", "java", "Handler::handleRequest", JAVA) for number in (11, 17, 21, 25)),
    Case("ruby3.3", "ruby", "app.handler", RUBY),
    Case("provided.al2023", "shell", "any", (("errorMessage", "errorType"), "Function.Refused")),
    Case("provided.al2023", "go", "any", (("errorMessage", "errorType"), "errorString")),
    Case("provided.al2", "rust", "any", (("errorType", "errorMessage"), "")),
]
