"""Handlers: whether their file is in the package, and what is said when it is not."""

from __future__ import annotations

import pytest

from poller.settings.package import PackageError, check_python_handler


@pytest.mark.parametrize(("handler", "files"), [
    ("app.handler", ["app.py"]),
    ("app.handler", ["app/__init__.py"]),
    ("app.handler", ["app.cpython-311-x86_64-linux-gnu.so"]),
    ("pkg.mod.handler", ["pkg/mod.py"]),
    ("path/to/mod.handler", ["path/to/mod.py"]),
    ("path/to.mod.handler", ["path/to/mod.py"]),
    ("my-app.handler", ["my-app.py"]),
])  # fmt: skip
def test_a_handler_whose_file_is_in_the_package(handler: str, files: list[str]) -> None:
    check_python_handler(handler, files)


@pytest.mark.parametrize(("handler", "files", "sentence", "hint"), [
    ("ap.handler", ["app.py"], "the package has no ap.py for the handler 'ap.handler'", "there is app.py"),
    ("app.handler", ["src/app.py", "apq.py"], "the package has no app.py for the handler 'app.handler'", "there is src/app.py"),
    ("ap.handler", ["app/__init__.py"], "the package has no ap.py for the handler 'ap.handler'", "there is app/__init__.py"),
    ("app.handler", ["app.js"], "the package has no app.py for the handler 'app.handler'", "there is no Python file in it at all"),
    ("app.handler", ["zzz.py"], "the package has no app.py for the handler 'app.handler'", ""),
    ("app.handler", ["app.py/x"], "the package has no app.py for the handler 'app.handler'", "there is no Python file in it at all"),
    ("handler", ["handler.py"], "'handler' is not file.function", "app.handler is handler in app.py"),
    ("../app.handler", ["app.py"], "'../app.handler' is not file.function", "app.handler is handler in app.py"),
    ("/app.handler", ["app.py"], "'/app.handler' is not file.function", "app.handler is handler in app.py"),
    ("app.", ["app.py"], "'app.' is not file.function", "app.handler is handler in app.py"),
])  # fmt: skip
def test_a_handler_whose_file_is_not_in_the_package(handler: str, files: list[str], sentence: str, hint: str) -> None:
    with pytest.raises(PackageError) as caught:
        check_python_handler(handler, files)
    assert (str(caught.value), caught.value.hint) == (sentence, hint)
