"""Where copies of functions' logs go, and what is refused."""

from __future__ import annotations

import pytest

from poller.settings.check import check
from poller.settings.model import AccountSettings, FunctionLogsSettings, Settings, ShipSettings
from poller.settings.shipping import ship_options

LOCAL = AccountSettings(
    endpoint_url="http://127.0.0.1:4566", region="eu-west-1", access_key_id="a", secret_access_key="b"
)


def settings(ship: ShipSettings | None, aws: AccountSettings = LOCAL) -> Settings:
    return Settings(aws=aws, function_logs=FunctionLogsSettings(ship=ship))


def test_nothing_is_sent_unless_it_is_asked_for() -> None:
    assert ship_options(settings(None)) is None


def test_what_is_left_out_is_taken_from_above_and_an_identity_is_one_thing() -> None:
    options = ship_options(settings(ShipSettings()))
    assert options is not None
    assert (options.endpoint_url, options.region, options.access_key_id) == (LOCAL.endpoint_url, "eu-west-1", "a")
    options = ship_options(settings(ShipSettings(endpoint_url="http://logs", profile="p")))
    assert options is not None
    assert (options.endpoint_url, options.profile, options.access_key_id) == ("http://logs", "p", "")


@pytest.mark.parametrize(
    ("ship", "field", "why"),
    [
        (ShipSettings(endpoint_url="https://logs.eu-west-1.amazonaws.com"), "endpoint_url", "real AWS"),
        (ShipSettings(endpoint_url="nonsense"), "endpoint_url", "not the URL of a server"),
        (ShipSettings(access_key_id="a"), "access_key_id", "go together"),
    ],
)
def test_what_can_never_work_is_said(ship: ShipSettings, field: str, why: str) -> None:
    [finding] = check(settings(ship))
    assert finding.keys == ("function_logs", "ship", field)
    assert why in finding.sentence


def test_real_aws_takes_a_word() -> None:
    assert list(check(settings(ShipSettings(allow_aws=True), AccountSettings()))) == []
