"""URLs of functions and aliases: what may be said of them, and what may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from poller.settings.load import load
from poller.settings.model import CorsSettings, UrlSettings
from poller.settings.problems import SettingsError
from poller.settings.urls import configured
from tests.unit.settings.pretended import Write


@pytest.fixture
def function(write: Write, tmp_path: Path) -> Callable[..., Path]:
    """A configuration with one function and these further lines of it, and others at the top."""

    def make(*lines: str, top: str = "") -> Path:
        (tmp_path / "orders").mkdir(exist_ok=True)
        (tmp_path / "orders/app.py").write_text("def handler(event, context): return 1\n")
        own = "\n".join(f"    {line}" for line in lines)
        head = "functions:\n  orders:\n    code: ./orders\n    runtime: python3.11\n    handler: app.handler\n"
        return write(f"{top}\n{head}{own}\n")

    return make


def complaints(file: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [str(problem) for problem in caught.value.problems]


def test_functions_and_aliases_have_urls(function: Callable[..., Path]) -> None:
    cors = "{allow_origins: ['*'], max_age_seconds: 60}"
    settings = load(
        function(
            f"url: {{auth_type: NONE, invoke_mode: RESPONSE_STREAM, port: 9900, cors: {cors}}}",
            "aliases: {live: {version: $LATEST, url: {auth_type: NONE}}}",
            top="function_urls: {listen: '0.0.0.0:0', domain: example.com}",
        )
    )
    first, second = configured(settings)
    assert (first.function, first.qualifier, second.qualifier) == ("orders", "", "live")
    expected = CorsSettings(allow_origins=("*",), max_age_seconds=60)
    assert first.url == UrlSettings(auth_type="NONE", invoke_mode="RESPONSE_STREAM", port=9900, cors=expected)
    assert second.url == UrlSettings(auth_type="NONE")
    assert settings.function_urls.domain == "example.com"


@pytest.mark.parametrize(
    ("lines", "top", "said"),
    [
        (["url: {}"], "", "functions.orders.url.auth_type: this key is required"),
        (["url: {auth_type: none}"], "", "functions.orders.url.auth_type: 'none' is none of the choices"),
        (["url: {auth_type: AWS_IAM}"], "", "functions.orders.url.auth_type: nobody could call it"),
        (["url: {auth_type: NONE, port: 9871}"], "", "port 9871 is taken by function_urls.listen"),
        (["url: {auth_type: NONE, port: 80}"], "http: {listen: '127.0.0.1:80'}", "port 80 is taken by http.listen"),
        (
            [
                "url: {auth_type: NONE, port: 9900}",
                "aliases: {live: {version: $LATEST, url: {auth_type: NONE, port: 9900}}}",
            ],
            "",
            "functions.orders.aliases.live.url.port: port 9900 is taken by functions.orders.url",
        ),
        (["url: {auth_type: NONE, cors: {allow_methods: [OPTIONS]}}"], "", "cors.allow_methods"),
        (["url: {auth_type: NONE, cors: {allow_origins: ['']}}"], "", "expected 1 to 253 ASCII characters"),
        (
            ["url: {auth_type: NONE, cors: {allow_methods: [GET, PUT, HEAD, POST, PATCH, DELETE, '*']}}"],
            "",
            "cors.allow_methods: 7 items are more than 6",
        ),
        ([], "function_urls: {listen: here}", "function_urls.listen: expected address:port"),
        ([], "function_urls: {domain: 'a b'}", "function_urls.domain: "),
    ],
)
def test_what_cannot_be_is_refused(function: Callable[..., Path], lines: list[str], top: str, said: str) -> None:
    [found] = complaints(function(*lines, top=top))
    assert said in found
