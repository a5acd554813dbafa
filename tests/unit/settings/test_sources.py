"""What a source takes from the ``aws:`` section, and who is blamed when that is wrong."""

from __future__ import annotations

import pytest

from connectors import registry
from poller.settings.load import load
from tests.unit.settings.pretended import MAPPING, QueueOptions, Write, complaints


def test_a_source_takes_from_the_aws_section_what_it_does_not_say(write: Write) -> None:
    text = MAPPING.replace(
        "aws: {", "aws: {region: eu-west-1, allow_aws: true, access_key_id: a, secret_access_key: s, "
    )
    options = load(write(text)).event_source_mappings["q"].source.options
    assert options == QueueOptions(
        queue="q",
        endpoint_url="http://127.0.0.1:4566",
        region="eu-west-1",
        allow_aws=True,
        access_key_id="a",
        secret_access_key="s",
    )


def test_a_source_with_an_identity_of_its_own_takes_no_part_of_the_common_one(write: Write) -> None:
    text = MAPPING.replace("aws: {", "aws: {access_key_id: a, secret_access_key: s, session_token: t, ")
    text = text.replace("queue: q}", "queue: q, profile: p}")
    options = load(write(text)).event_source_mappings["q"].source.options
    assert (options.profile, options.access_key_id, options.secret_access_key, options.session_token) == (
        "p",
        "",
        "",
        "",
    )


def test_a_bad_value_that_sources_take_from_the_aws_section_is_blamed_once_and_there(write: Write) -> None:
    text = MAPPING.replace("http:", "ftp:") + "  r: {source: {type: queue, queue: r}, function: orders}\n"
    assert complaints(write(text)) == ["pollerd.yaml:1:7: aws.endpoint_url: ftp is no way to a queue"]


def test_what_nobody_set_is_missed_where_it_could_be_set(write: Write) -> None:
    text = MAPPING.replace('aws: {endpoint_url: "http://127.0.0.1:4566"}', "aws: {}")
    assert complaints(write(text)) == [
        "pollerd.yaml:6:5: event_source_mappings.q.source.endpoint_url: no endpoint_url, and allow_aws is false"
    ]


def test_an_aws_section_that_cannot_be_read_is_not_blamed_on_the_sources(write: Write) -> None:
    text = MAPPING.replace('{endpoint_url: "http://127.0.0.1:4566"}', "{endpoint_url: [x]}")
    assert complaints(write(text)) == ["pollerd.yaml:1:7: aws.endpoint_url: expected a text, not a list"]


def test_a_connector_is_made_from_sound_options_only(write: Write) -> None:
    text = MAPPING.replace("queue: q}", "queue: nowhere, tags: {a: b}}")
    assert complaints(write(text)) == [
        "pollerd.yaml:6:50: event_source_mappings.q.source.tags.a: expected a whole number, not the text 'b'"
    ]


def test_sources_that_exist_are_read_without_listing_all_there_are(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list takes a walk through all installed packages; a thousand sources would take it a thousand times."""
    listed: list[str] = []

    def names() -> list[str]:
        listed.append("once")
        return ["queue"]

    monkeypatch.setattr(registry, "names", names)
    load(write(MAPPING))
    assert not listed
    assert complaints(write(MAPPING.replace("type: queue", "type: quue")))
    assert listed
