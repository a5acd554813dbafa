"""No secret in a message or in the text of an object."""

from __future__ import annotations

import json

import pytest

from poller.settings.load import load
from poller.settings.problems import SettingsError
from tests.unit.settings.pretended import Write, complaints, document

SECRET = "hunter2-correct-horse"


LEAKS = [
    "aws: {secret_access_key: [SECRET]}",
    "aws: {secret_access_key: {SECRET: 1}}",
    "aws: {secret_access_key: *SECRET}",
    "aws: {secret_access_key: !SECRET x}",
    "aws: {secret_access_key: @SECRET}",
    "aws: {secret_acess_key: SECRET}",
    "aws: {session_token: SECRET, region: [}",
    "aws: SECRET",
    "http: {keys: {a: {secret_access_key: [SECRET]}}}",
    "http: {keys: {a: {secret_access_key: SECRET SECRET}}}",
    "http: {token: [SECRET]}",
    "functions: {orders: {environment: SECRET}}",
    "functions: {orders: {environment: [SECRET]}}",
    "functions: {orders: {environment: {PASSWORD: [SECRET]}}}",
    "event_source_mappings: {t: {source: {type: topic, password: [SECRET]}}}",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_problem_tells_a_secret(write: Write, text: str) -> None:
    assert complaints(write(text))
    with pytest.raises(SettingsError) as caught:
        load(write(text.replace("SECRET", SECRET)))
    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.problems!r}"


def test_no_text_of_the_settings_tells_a_secret(write: Write) -> None:
    keys = {"access_key_id": SECRET, "secret_access_key": SECRET, "session_token": SECRET}
    function = document()["functions"]["orders"] | {"environment": {"PASSWORD": SECRET}}
    mappings = {
        "q": {"source": {"type": "queue", "queue": "q"}, "function": "orders"},
        "t": {"source": {"type": "topic", "password": SECRET}, "function": "orders"},
    }
    http = {"keys": {"admin": {"secret_access_key": SECRET}}, "token": SECRET}
    text = document(
        aws=document()["aws"] | keys, http=http, functions={"orders": function}, event_source_mappings=mappings
    )
    settings = load(write(json.dumps(text), "pollerd.json"))
    assert settings.event_source_mappings["q"].source.options.secret_access_key == SECRET
    assert settings.event_source_mappings["t"].source.options.password == SECRET
    assert SECRET not in f"{settings} {settings!r} {settings.aws} {settings.event_source_mappings['q'].source.options}"
