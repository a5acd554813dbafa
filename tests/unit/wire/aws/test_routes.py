"""Paths, as clients write them, and what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.wire.aws.errors import ApiError
from poller.wire.aws.model import service
from poller.wire.aws.routes import Routes
from poller.wire.aws.target import encoded, target

ROUTES = Routes(service("lambda"))
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


@pytest.mark.parametrize(
    ("method", "raw", "operation", "names"),
    [
        ("GET", "/2015-03-31/functions", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("GET", "//2015-03-31/./functions", "ListFunctions", {}),
        ("POST", "/2014-11-13/functions/f/invoke-async/", "InvokeAsync", {"FunctionName": "f"}),
        ("POST", "/2014-11-13/functions/f/invoke-async", "InvokeAsync", {"FunctionName": "f"}),
        ("GET", f"/2015-03-31/functions/{encoded(ARN)}/policy", "GetPolicy", {"FunctionName": ARN}),
        ("GET", f"/2015-03-31/functions/{ARN}/policy?Qualifier=1", "GetPolicy", {"FunctionName": ARN}),
        ("POST", f"/2017-03-31/tags/{encoded(ARN)}", "TagResource", {"Resource": ARN}),
        (
            "GET",
            "/2025-12-01/durable-executions/arn%3Aa%2Fb%2Fc/history",
            "GetDurableExecutionHistory",
            {"DurableExecutionArn": "arn:a/b/c"},
        ),
        ("GET", "/2018-10-31/layers", "ListLayers", {}),
        ("GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn", {}),
        ("GET", "/2018-10-31/layers?find=Layer", "ListLayers", {}),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency?List=ALL",
            "ListProvisionedConcurrencyConfigs",
            {"FunctionName": "f"},
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1",
            "GetProvisionedConcurrencyConfig",
            {"FunctionName": "f"},
        ),
    ],
)
def test_a_path_means_an_operation(method: str, raw: str, operation: str, names: dict[str, str]) -> None:
    where = target(raw)
    found = ROUTES.match(method, where.path, dict(where.query))
    assert found is not None
    assert (found[0].name, found[1]) == (operation, names)


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("GET", "/"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/a/b/c/d"),
        ("DELETE", "/2015-03-31/functions/f/polic"),
        ("POST", "/2015-03-31/functions//invocations"),
        ("GET", "/2015-03-31/functionsx"),
        ("GET", "http://host/2015-03-31/functions"),
    ],
)
def test_other_paths_mean_none(method: str, raw: str) -> None:
    where = target(raw)
    assert ROUTES.match(method, where.path, dict(where.query)) is None


def test_every_operation_has_a_path_of_its_own() -> None:
    for operation in service("lambda").operations.values():
        path, _, query = operation.uri.partition("?")
        where = target(path.replace("{", "x").replace("}", "x") + (f"?{query}" if query else ""))
        found = ROUTES.match(operation.method, where.path, dict(where.query))
        assert found is not None
        assert found[0] is operation


@given(query=st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_a_query_is_read_as_it_was_written(query: list[tuple[str, str]]) -> None:
    raw = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in query)
    assert target(f"/?{raw}").query == query


def test_a_plus_sign_is_one() -> None:
    assert target("/?a+b=c+d&e").query == [("a+b", "c+d"), ("e", "")]


@pytest.mark.parametrize("raw", ["/é", "/?a=%ff", "/?%C3=1"])
def test_what_is_no_url_is_refused(raw: str) -> None:
    with pytest.raises(ApiError):
        target(raw)
