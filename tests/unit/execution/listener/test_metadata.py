"""The metadata endpoint, without sockets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.execution.listener.metadata import MetadataApi, zone_of
from poller.execution.runtime_api import RuntimeApi
from tests.fakes.wire import Client

PATH = "/2026-01-15/metadata/execution-environment"


@pytest.fixture
async def runtime() -> RuntimeApi:
    return RuntimeApi(lambda _port: True)


@pytest.mark.parametrize(
    ("method", "path", "authorization", "status"),
    [
        ("GET", "", "Bearer {token}", 200),
        ("GET", "", "{token}", 401),
        ("GET", "", "Bearer x{token}", 401),
        ("GET", "", "", 401),
        ("POST", "", "Bearer {token}", 405),
        ("GET", "/more", "Bearer {token}", 404),
    ],
)
async def test_it_is_told_to_who_knows_the_token(
    runtime: RuntimeApi, method: str, path: str, authorization: str, status: int
) -> None:
    metadata = MetadataApi("use1-az1")
    runtime.serve(metadata)
    headers = {"Authorization": authorization.format(token=metadata.token)} if authorization else {}
    reply = Client(runtime.listener.connection()).answer(method, PATH + path, None, headers)
    assert reply.status == status
    if status == 200:
        assert reply.json == {"AvailabilityZoneID": "use1-az1"}
        assert reply.headers["Cache-Control"] == "private, max-age=43200, immutable"


def test_no_two_environments_have_the_same_token() -> None:
    assert MetadataApi("use1-az1").token != MetadataApi("use1-az1").token


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("us-east-1", "use1-az1"),
        ("us-gov-west-1", "usgw1-az1"),
        ("ap-southeast-2", "apse2-az1"),
        ("cn-northwest-1", "cnnw1-az1"),
        ("eu-central-1", "euc1-az1"),
        ("il-central-1", "ilc1-az1"),
        ("local", "local-az1"),
    ],
)
def test_a_zone_is_named_after_its_region(region: str, zone: str) -> None:
    assert zone_of(region) == zone


@given(st.from_regex(r"[a-z]{2}(-gov)?-(north|south|east|west|central|northeast|southwest)-[1-9]", fullmatch=True))
def test_every_region_has_a_zone_of_the_services_form(region: str) -> None:
    assert re.fullmatch(r"[a-z]{2}g?[nsewc]{1,2}[1-9]-az1", zone_of(region))
