"""What a version keeps, what it takes from the function as it is now, and when there is a new one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from poller.control import assemble, mappings, preflight, versions
from poller.control.state import FrozenError, Version, freeze, thaw
from poller.execution.contract import Driver, Elsewhere, Environment, FunctionSpec
from poller.settings.load import load
from poller.settings.model import AliasSettings, FunctionSettings, ImageCode, ImageConfig, RemoteSettings, Settings
from poller.settings.package import PackageError
from poller.settings.problems import Finding
from tests.fakes.virtual_time import LoopClock

Make = Callable[..., Settings]


class Drivers(Driver):
    """Finds fault with the runtimes it is told to."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def problems(self, spec: FunctionSpec) -> list[str]:
        return [f"no {spec.runtime} here"] if spec.runtime in self.missing else []

    def environment(self, spec: FunctionSpec) -> Environment:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is shared."""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Settings of one function, ``orders``, with these keys; and of a mapping to what is named."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "app.py").write_text("def handler(event, context): return 1\n")

    def settings(mapping: str = "", **keys: Any) -> Settings:
        basic = {"code": "./package", "runtime": "python3.11", "handler": "app.handler"}
        whole: dict[str, Any] = {"functions": {"orders": basic | keys}, "concurrency": 10}
        if mapping:
            source = {"type": "memory", "queue": "q"}
            whole["event_source_mappings"] = {"q": {"source": source, "function": mapping}}
        (tmp_path / "pollerd.json").write_text(json.dumps(whole))
        return load(tmp_path / "pollerd.json")

    return settings


def number(settings: Settings) -> int:
    return versions.publish("orders", settings).version.number


CHANGES: list[dict[str, Any]] = [
    {"timeout_seconds": 5},
    {"memory_mb": 256},
    {"environment": {"TABLE": "t"}},
    {"runtime": "python3.12"},
]
NO_CHANGES: list[dict[str, Any]] = [
    {"reserved_concurrency": 1},
    {"idle_timeout_seconds": 5},
    {"aliases": {"live": {"version": "1"}}},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_of_what_runs_is_a_new_version(make: Make, change: dict[str, Any]) -> None:
    assert [number(make()), number(make()), number(make(**change)), number(make(**change))] == [1, 1, 2, 2]


@pytest.mark.parametrize("change", NO_CHANGES, ids=str)
def test_a_change_beside_it_is_none(make: Make, change: dict[str, Any]) -> None:
    assert [number(make()), number(make(**change))] == [1, 1]


def test_changed_code_is_a_new_version_and_the_old_one_keeps_its_own(make: Make, tmp_path: Path) -> None:
    settings = make(environment={"TABLE": "one"})
    first = versions.publish("orders", settings).version
    (tmp_path / "package" / "app.py").write_text("def handler(event, context): return 2\n")
    settings = make(environment={"TABLE": "two"}, memory_mb=512, reserved_concurrency=3, idle_timeout_seconds=7)
    second = versions.publish("orders", settings, "more memory")
    assert (second.version.number, second.version.description, second.new) == (2, "more memory", True)
    old = versions.frozen_settings(first, settings)
    assert "return 1" in (Path(str(old.code)) / "app.py").read_text()
    assert (old.environment, old.memory_mb) == ({"TABLE": "one"}, 128)
    assert (old.reserved_concurrency, old.idle_timeout_seconds) == (3, 7)


def test_what_went_back_to_an_older_version_is_a_new_one_all_the_same(make: Make) -> None:
    assert [number(make()), number(make(memory_mb=256)), number(make())] == [1, 2, 3]


def test_everything_that_is_not_unversioned_comes_back(tmp_path: Path) -> None:
    function = FunctionSettings(
        code="digest", runtime="python3.11", handler="a.b", timeout_seconds=9.5, memory_mb=300, environment={"AB": "c"}
    )
    frozen = json.loads(json.dumps(freeze(function, lambda path: path, lambda image: image)))
    assert thaw(frozen, tmp_path) == replace(function, code=str(tmp_path / "digest"))


@pytest.mark.parametrize(
    "broken", [{}, {"code": "x", "memory_mb": "much"}, {"code": "x", "from_the_future": 1}], ids=str
)
def test_what_cannot_be_read_is_said(broken: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FrozenError, match=r"required|whole number|unknown key"):
        thaw({"runtime": "python3.11", "handler": "a.b"} | broken, tmp_path)


@pytest.mark.parametrize("user", ["alias", "second version of an alias", "mapping"])
def test_a_version_in_use_is_not_deleted(make: Make, user: str) -> None:
    number(make()), number(make(memory_mb=256))
    aliases = {
        "alias": {"live": {"version": "1"}},
        "second version of an alias": {"live": {"version": "2", "weights": {"1": 0}}},
    }
    settings = make("orders:1" if user == "mapping" else "", aliases=aliases.get(user, {}))
    with pytest.raises(versions.InUseError, match=r"version 1 of orders is used by the (alias orders:live|mapping q)$"):
        versions.delete("orders", 1, settings)
    assert versions.delete("orders", 1, make())
    assert not versions.delete("orders", 1, make())


def complaints(settings: Settings, *missing: str) -> list[tuple[str, str, str]]:
    found = preflight.published(settings, Drivers(*missing))
    return [(".".join(map(str, finding.keys)), finding.sentence, finding.hint) for finding in found]


def test_versions_that_are_named_have_to_exist(make: Make) -> None:
    aliases = {"live": {"version": "3", "weights": {"1": 0.1}}, "next": {"version": "$LATEST"}}
    settings = make("orders:4", aliases=aliases)
    none = "none is published; `pollerd publish orders` makes the next"
    one = "published are 1; `pollerd publish orders` makes the next"
    live, mapping = "functions.orders.aliases.live", "event_source_mappings.q.function"
    three, four = (f"{live}.version", "orders has no version 3"), (mapping, "orders has no version 4")
    first = (f"{live}.weights.1", "orders has no version 1", none)
    assert complaints(settings) == [(*three, none), first, (*four, none)]
    number(settings)
    assert complaints(settings) == [(*three, one), (*four, one)]


def test_versions_that_are_named_have_to_run_here_and_others_do_not_matter(make: Make) -> None:
    number(make()), number(make(runtime="python3.12"))
    settings = make(aliases={"live": {"version": "1"}})
    assert complaints(settings, "python3.12") == []
    [(key, sentence, _)] = complaints(settings, "python3.11")
    assert (key, sentence) == (
        "functions.orders.aliases.live.version",
        "version 1 of orders cannot run: no python3.11 here",
    )


def test_code_that_somebody_took_away_is_missed_where_it_is_needed(make: Make, tmp_path: Path) -> None:
    version = versions.publish("orders", make()).version
    (tmp_path / "state" / "code" / version.code).rename(tmp_path / "elsewhere")
    [(_, sentence, _)] = complaints(make("orders:1"))
    gone = tmp_path / "state" / "code" / version.code
    assert sentence.startswith(f"version 1 of orders cannot run: {gone} cannot be unpacked: ")
    assert complaints(make()) == []
    assert list(assemble.pools(make(), Drivers(), print, LoopClock())) == ["orders"]


def test_a_changed_layer_is_a_new_version_and_the_old_one_keeps_its_own(make: Make, tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "one.txt").write_text("one")
    settings = make(layers=["./layer"])
    first = versions.publish("orders", settings).version
    (tmp_path / "layer" / "one.txt").write_text("two")
    assert number(settings) == 2
    old = versions.frozen_settings(first, settings)
    assert [(Path(layer) / "one.txt").read_text() for layer in old.layers] == ["one"]


def test_an_image_is_kept_by_its_digest(tmp_path: Path) -> None:
    function = FunctionSettings(code=ImageCode(image="/images/orders:new"), image_config=ImageConfig(command=("a.b",)))
    frozen = json.loads(json.dumps(freeze(function, package=str, image=lambda _: "/images/orders@sha256:abc")))
    assert frozen["code"] == {"image": "/images/orders@sha256:abc"}
    assert thaw(frozen, tmp_path) == replace(function, code=ImageCode(image="/images/orders@sha256:abc"))
    version = Version(function="orders", number=1, configuration=frozen, description="", created="")
    assert version.code == "abc"


def test_a_state_file_that_cannot_serve_is_a_complaint(make: Make, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "pollerd.sqlite3").write_bytes(b"junk" * 1000)
    [(key, sentence, _)] = complaints(make())
    assert key == "state"
    assert "pollerd.sqlite3 cannot be used" in sentence


def test_every_qualifier_leads_to_its_version_under_its_own_arn(make: Make) -> None:
    number(make()), number(make(memory_mb=256))
    settings = make(aliases={"live": {"version": "2", "weights": {"1": 0.25}}, "next": {"version": "$LATEST"}})
    pools = assemble.pools(settings, Drivers(), print, LoopClock())
    assert {target: (pool.spec.version, pool.spec.memory_mb) for target, pool in pools.items()} == {
        "orders": ("$LATEST", 128),
        "orders:1": ("1", 128),
        "orders:2": ("2", 256),
    }
    routes = assemble.routes(settings, pools, lambda: 0.0)
    qualifiers = ["", ":$LATEST", ":1", ":2", ":live", ":next"]
    arn = "arn:aws:lambda:us-east-1:000000000000:function:orders"
    assert {target: route.arn for target, route in routes.items()} == {f"orders{q}": f"{arn}{q}" for q in qualifiers}
    assert {route.name for route in routes.values()} == {"orders"}
    assert routes["orders"].runner is pools["orders"]


@pytest.mark.parametrize(("function", "seconds"), [
    ("orders", 9), ("orders:$LATEST", 9), ("orders:1", 5), ("orders:live", 7), ("orders:next", 9),
])  # fmt: skip
def test_a_mapping_waits_for_the_slower_of_two_versions(make: Make, function: str, seconds: float) -> None:
    number(make(timeout_seconds=5)), number(make(timeout_seconds=7))
    aliases = {"live": {"version": "1", "weights": {"2": 0.1}}, "next": {"version": "$LATEST"}}
    settings = make(function, timeout_seconds=9, aliases=aliases)
    pools = assemble.pools(settings, Drivers(), print, LoopClock())
    assert mappings.timeout(settings.event_source_mappings["q"], settings, pools) == seconds


@pytest.mark.parametrize(("function", "refused"), [
    ("orders", 900), ("orders:$LATEST", 900), ("orders:1", None), ("orders:2", 850), ("orders:live", 850), ("orders:next", 900),
])  # fmt: skip
def test_a_version_that_takes_longer_than_its_source_bears_cannot_run(
    make: Make, function: str, refused: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    number(make(timeout_seconds=840)), number(make(timeout_seconds=850))
    aliases = {"live": {"version": "1", "weights": {"2": 0.1}}, "next": {"version": "$LATEST"}}
    settings = make(function, timeout_seconds=900, aliases=aliases)
    monkeypatch.setattr("poller.settings.streams.LONGEST_TIMEOUTS", {"sqs": 840})
    found = list(preflight.published(settings, Drivers()))
    sentence = f"a function that is fed from sqs may take at most 840 seconds, not {refused}"
    keys = ("event_source_mappings", "q", "function")
    assert found == ([] if refused is None else [Finding(keys, sentence, "set its timeout_seconds to 840 or less")])


def test_an_alias_is_a_split(make: Make) -> None:
    assert assemble.split(AliasSettings(version="3")).pick(0.0) == "3"
    weighted = assemble.split(AliasSettings(version="3", weights={"4": 0.1}))
    assert (weighted.pick(0.05), weighted.pick(0.5)) == ("4", "3")


def test_a_mapping_keeps_the_qualifier_and_shares_the_function_s_slots(make: Make) -> None:
    number(make())
    settings = make("arn:aws:lambda:us-east-1:000000000000:function:orders:1", reserved_concurrency=2)
    slots = assemble.slots(settings)
    pools = assemble.pools(settings, Drivers(), print, LoopClock())
    around = mappings.Around(
        settings=settings,
        pools=pools,
        slots=slots,
        invoker=assemble.invoker(settings, pools, print),
        clock=LoopClock(),
        emit=print,
    )
    built = mappings.queue("q", around)
    assert built.plan.function == "orders:1"
    assert built.claim.try_acquire() is not None
    assert slots.in_use() == {"": 0, "orders": 1}


def test_a_function_elsewhere_has_no_versions_here(make: Make) -> None:
    settings = make()
    remote = RemoteSettings(endpoint_url="http://127.0.0.1:1", concurrency=2)
    function = replace(settings.functions["orders"], code="", runtime="", handler="", remote=remote)
    settings = replace(settings, functions={"orders": function})
    for refused in (lambda: versions.publish("orders", settings), lambda: versions.digest("orders", settings)):
        with pytest.raises(
            PackageError, match=r"orders has no code here, and no versions: it runs at http://127\.0\.0\.1:1"
        ):
            refused()
    spec = assemble.spec("orders", function, settings)
    assert spec.elsewhere == Elsewhere(url="http://127.0.0.1:1", function="orders", region="us-east-1", concurrency=2)
    assert assemble.slots(settings).limit("orders") == 2
