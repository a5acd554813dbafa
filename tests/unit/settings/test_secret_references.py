"""Secrets by reference: where they are read, what is said when they are missing, and that nothing shows them."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
from pathlib import Path

import pytest

from poller.settings.load import load, loaded, read_documents
from poller.settings.model import AccountSettings
from poller.settings.problems import SettingsError
from poller.settings.secrets import MOST_BYTES, Secret, open_to_others
from tests.unit.settings.pretended import SOUND, Write, complaints

VALUE = "hunter2-correct-horse"


def with_secret(reference: str) -> str:
    return SOUND.replace("aws: {", f"aws: {{access_key_id: a, secret_access_key: '{reference}', ")


@pytest.mark.parametrize("reference", ["file:secrets/key", "file:./secrets/key", "env:KEY", "credential:key"])
def test_a_reference_is_replaced_by_what_it_leads_to(
    write: Write, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    write(VALUE + "\n", "conf/secrets/key")
    monkeypatch.setenv("KEY", VALUE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(Path("conf/secrets").absolute()))
    found = loaded(write(with_secret(reference).replace("./code", "../code"), "conf/pollerd.yaml"))
    secret = found.settings.event_source_mappings["q"].source.options.secret_access_key
    assert secret == VALUE
    assert (Path("conf/secrets/key").absolute() in found.files) is not reference.startswith("env:")


def test_variables_of_functions_take_references_in_a_mapping_and_keep_texts(write: Write) -> None:
    write(VALUE + "\r\n", "key")
    variables = "{DATABASE: 'file:orders.db', PASSWORD: {secret: 'file:key'}}"
    settings = load(write(SOUND.replace("app.handler}", f"app.handler, environment: {variables}}}")))
    environment = settings.functions["orders"].environment
    assert environment == {"DATABASE": "file:orders.db", "PASSWORD": VALUE}
    assert json.loads(json.dumps(environment)) == environment
    assert VALUE not in f"{environment!r} {settings}"


def test_a_secret_is_a_text_that_does_not_show_itself() -> None:
    secret = Secret(VALUE, "file:key")
    assert f"{secret!r}" == "<secret file:key>"
    for other in (copy.deepcopy(secret), pickle.loads(pickle.dumps(secret))):
        assert (other, other.reference) == (VALUE, "file:key")


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("file:nowhere", "nowhere; the path is relative to the file it stands in"),
        ("file:code", "code is no file"),
        ("file:binary", "binary is no text in UTF-8"),
        ("file:long", f"long has more than {MOST_BYTES} bytes"),
        ("file:/dev/zero", "/dev/zero is no file"),
        ("file:", "file: names nothing"),
        ("env:NO_SUCH", "the environment has no variable NO_SUCH"),
        ("credential:key", "there are no credentials: CREDENTIALS_DIRECTORY is not set"),
    ],
)
def test_a_reference_to_nothing_is_an_error_with_its_place(
    write: Write, monkeypatch: pytest.MonkeyPatch, reference: str, complaint: str
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    write(b"\xff", "binary")
    write("x" * (MOST_BYTES + 1), "long")
    [found] = complaints(write(with_secret(reference)))
    assert found.startswith("pollerd.yaml:1:25: aws.secret_access_key: ")
    assert complaint in found


def test_credentials_are_names_and_no_paths(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(Path("code").absolute()))
    assert "../key is no name of a credential" in complaints(write(with_secret("credential:../key")))[0]
    assert (
        "there is no credential key; the unit wants LoadCredential=key:..."
        in complaints(write(with_secret("credential:key")))[0]
    )


def test_what_is_read_obeys_the_rules_of_its_key_and_is_not_repeated(write: Write) -> None:
    write("short but secret", "key")
    [found] = complaints(write("http: {token: 'file:key'}\n"))
    assert found == "pollerd.yaml:1:8: http.token: this value is not 16 or more characters without blanks"


def test_a_mapping_that_is_no_reference_is_refused(write: Write) -> None:
    for variable in ("{secret: plain}", "{secrets: 'file:key'}", "{secret: [a]}"):
        [found] = complaints(
            write(SOUND.replace("app.handler}", f"app.handler, environment: {{PASSWORD: {variable}}}}}"))
        )
        assert found.startswith("pollerd.yaml:3:83: functions.orders.environment.PASSWORD: ")


def test_a_call_refers_to_no_secrets(tmp_path: Path, pretended: None) -> None:
    (tmp_path / "key").write_text(VALUE)
    mapping = {"function": "f", "source": {"type": "topic", "password": f"file:{tmp_path}/key"}}
    settings = read_documents({"event_source_mappings": {"m": mapping}}, tmp_path, AccountSettings())
    assert settings.event_source_mappings["m"].source.options.password == f"file:{tmp_path}/key"
    function = {"code": ".", "environment": {"P": {"secret": f"file:{tmp_path}/key"}}}
    with pytest.raises(SettingsError):
        read_documents({"functions": {"f": function}}, tmp_path, AccountSettings())


def test_a_secret_that_everybody_can_read_is_warned_of(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poller.settings.load.open_to_others", lambda file: bool(file.stat().st_mode & 4))
    monkeypatch.setenv("KEY", VALUE)
    file = write(with_secret(VALUE))
    file.chmod(0o644)
    warnings = [str(warning) for warning in loaded(file).warnings]
    assert len(warnings) == 2  # the id of the key is one, too
    assert warnings[1].startswith(
        "pollerd.yaml:1:44: aws.secret_access_key: every user of this host can read this secret"
    )
    assert VALUE not in str(warnings)
    file.chmod(0o640)
    assert not loaded(file).warnings
    for harmless in ("env:KEY", "${KEY}"):
        file = write(with_secret(harmless).replace("access_key_id: a", "access_key_id: 'env:KEY'"))
        file.chmod(0o644)
        assert not loaded(file).warnings


def test_what_is_in_a_closed_folder_is_not_open_to_others(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o644)
    tmp_path.chmod(0o700)
    assert not open_to_others(tmp_path / "file")
    assert not open_to_others(tmp_path / "nowhere")
    assert open_to_others(Path(os.__file__)) == all(p.stat().st_mode & 1 for p in Path(os.__file__).resolve().parents)


def test_settings_with_a_secret_can_be_copied(write: Write) -> None:
    write(VALUE, "key")
    settings = load(write(with_secret("file:key")))
    assert dataclasses.replace(settings.aws).secret_access_key == VALUE
    assert dataclasses.asdict(settings.aws)["secret_access_key"] == VALUE
