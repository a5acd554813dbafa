"""Which versions' environments are kept ready, and what cannot be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poller.settings.model import AliasSettings, FunctionSettings
from poller.settings.provisioned import BY_BOTH, OF_LATEST, check_aliases, provisioned


def test_a_function_an_alias_and_a_version_each_have_their_own() -> None:
    function = FunctionSettings(
        provisioned_concurrency=1,
        provisioned_versions={"7": 2},
        aliases={"live": AliasSettings(version="3", provisioned_concurrency=5), "old": AliasSettings(version="2")},
    )
    assert provisioned(function) == {"$LATEST": 1, "7": 2, "3": 5}


@given(wanted=st.integers(1, 10_000), share=st.floats(0, 1))
def test_two_versions_of_an_alias_share_all_of_it(wanted: int, share: float) -> None:
    alias = AliasSettings(version="1", weights={"2": share}, provisioned_concurrency=wanted)
    found = provisioned(FunctionSettings(aliases={"live": alias}))
    assert sum(found.values()) == wanted
    assert abs(found.get("2", 0) - wanted * share) <= 0.5 + 1e-9 * wanted


def test_what_the_service_refuses_is_refused_in_its_words() -> None:
    function = FunctionSettings(
        provisioned_versions={"2": 1},
        aliases={
            "newest": AliasSettings(version="$LATEST", provisioned_concurrency=1),
            "both": AliasSettings(version="1", weights={"2": 0.5}, provisioned_concurrency=1),
            "fine": AliasSettings(version="3", provisioned_concurrency=1),
        },
    )
    found = [(finding.keys[2], finding.sentence) for finding in check_aliases(("functions", "f"), function)]
    assert found == [("aliases", OF_LATEST), ("aliases", BY_BOTH)]
