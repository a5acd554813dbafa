"""Which URL a request is for, and what URLs are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.control.urls.table import Table, Url, url_id, urls
from poller.settings.model import (
    AccountSettings,
    AliasSettings,
    CorsSettings,
    FunctionSettings,
    FunctionUrlsSettings,
    Settings,
    UrlSettings,
)

SETTINGS = Settings(
    aws=AccountSettings(region="eu-west-1", account_id="123456789012"),
    function_urls=FunctionUrlsSettings(domain="example.com"),
    functions={
        "orders": FunctionSettings(
            url=UrlSettings(auth_type="NONE", cors=CorsSettings(allow_origins=("*",), max_age_seconds=60)),
            aliases={
                "live": AliasSettings(
                    version="3",
                    url=UrlSettings(auth_type="AWS_IAM", invoke_mode="RESPONSE_STREAM", port=9900),
                )
            },
        ),
        "none": FunctionSettings(),
    },
)


@pytest.fixture
def known() -> list[Url]:
    return list(urls(SETTINGS))


def test_functions_and_aliases_have_urls_of_their_own(known: list[Url]) -> None:
    first, second = known
    assert (first.target, first.signed, first.streams, first.port) == ("orders", False, False, None)
    assert (second.target, second.signed, second.streams, second.port) == ("orders:live", True, True, 9900)
    assert first.domain_name == f"{first.id}.lambda-url.eu-west-1.example.com"
    assert first.cors is not None
    assert (first.cors.allow_origins, first.cors.max_age) == (("*",), 60)
    assert (first.account, first.function, second.function) == ("123456789012", "orders", "orders")


def test_an_id_stays_what_it_is() -> None:
    """It is part of addresses that people have written down."""
    assert url_id("000000000000", "orders", "") == "1neykk9qmh64mvoo12kq6v92zit1n9fs"


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_an_id_is_a_label_of_a_host_s_name(account: str, function: str, qualifier: str) -> None:
    assert re.fullmatch(r"[a-z0-9]{32}", url_id(account, function, qualifier))


@pytest.mark.parametrize("host", ["{}", "{}:9871", "{}.", "{}:80"])
def test_a_url_is_found_by_its_host_however_that_is_written(known: list[Url], host: str) -> None:
    table = Table(known)
    name = host.format(known[0].domain_name)
    assert table.find(name, 9871) is known[0]
    assert table.find(name.upper(), 9871) is known[0]


def test_a_port_of_its_own_leads_to_it_and_nothing_else_does(known: list[Url]) -> None:
    table = Table(known)
    assert table.find("anything", 9900) is known[1]
    assert table.find("anything", 9871) is None
    assert table.find("", 9871) is None
    assert table.find("[::1]:9871", 9871) is None
    assert table.find(known[0].domain_name.removesuffix(".com"), 9871) is None
