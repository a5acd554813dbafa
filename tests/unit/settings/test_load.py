"""Which files are read, how they are joined, and what their values become."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from poller.settings.load import load
from poller.settings.model import Settings
from tests.unit.settings.pretended import MAPPING, SOUND, QueueOptions, Write, complaints, document


def test_a_sound_file_loads(write: Write) -> None:
    settings = load(write(SOUND))
    assert settings.functions["orders"].handler == "app.handler"
    assert settings.event_source_mappings["q"].source.options == QueueOptions(
        queue="q", endpoint_url="http://127.0.0.1:4566"
    )


@pytest.mark.parametrize("name", [
    "orders", "orders:$LATEST", "000000000000:function:orders", "arn:aws:lambda:us-east-1:000000000000:function:orders",
    "arn:aws:lambda:us-east-1:000000000000:function:orders:$LATEST",
])  # fmt: skip
def test_a_function_may_be_named_in_every_form_that_aws_knows(write: Write, name: str) -> None:
    text = MAPPING.replace("function: orders", f'function: "{name}"').replace("aws: {", "aws: {region: us-east-1, ")
    assert load(write(text)).event_source_mappings["q"].function == name


def test_paths_are_relative_to_the_file_that_names_them(write: Write) -> None:
    write("functions: {orders: {code: ../code, runtime: python3.11, handler: app.handler}}", "conf/a.yaml")
    source = "{source: {type: topic, certificate: tls/ca.pem}, function: orders}"
    write(f"event_source_mappings: {{t: {source}, u: {{source: {{type: topic}}, function: orders}}}}", "conf/b.yaml")
    settings = load(Path("conf"))
    here = Path.cwd()
    certificates = [mapping.source.options.certificate for mapping in settings.event_source_mappings.values()]
    assert settings.functions["orders"].code == str(here / "conf/../code")
    assert settings.state == str(here / "conf/state")
    assert certificates == [str(here / "conf/tls/ca.pem"), str(here / "conf/ca.pem")]


def test_absolute_paths_stay_as_they_are(write: Write) -> None:
    text = f"state: {Path.cwd()}/elsewhere"
    assert load(write(text)).state == f"{Path.cwd()}/elsewhere"


def test_yaml_json_and_toml_load_to_the_same(write: Write) -> None:
    toml = """\
    [aws]
    endpoint_url = "http://127.0.0.1:4566"
    [functions.orders]
    code = "./code"
    runtime = "python3.11"
    handler = "app.handler"
    [event_source_mappings.q]
    source = {type = "queue", queue = "q"}
    function = "orders"
    """
    loaded = [
        load(write(SOUND)),
        load(write(json.dumps(document()), "pollerd.json")),
        load(write(textwrap.dedent(toml), "pollerd.toml")),
        load(write(SOUND, "pollerd.yml")),
    ]
    assert loaded == [loaded[0]] * 4


def test_a_plain_yaml_value_is_taken_as_it_is_written_where_a_text_is_wanted(write: Write) -> None:
    text = SOUND.replace(
        "app.handler}", "app.handler, environment: {VERSION: 1.10, DEBUG: true, COUNTRY: no, PORT: 010}}"
    )
    text = text.replace("aws: {", "aws: {account_id: 012345678901, ")
    settings = load(write(text))
    assert settings.functions["orders"].environment == {
        "VERSION": "1.10",
        "DEBUG": "true",
        "COUNTRY": "no",
        "PORT": "010",
    }
    assert settings.aws.account_id == "012345678901"


def test_one_functions_options_can_be_merged_into_another(write: Write) -> None:
    text = SOUND.replace("orders: {", "orders: &common {")
    text = text.replace("event_source", "  bills: {<<: *common, timeout_seconds: 60}\nevent_source", 1)
    functions = load(write(text)).functions
    assert functions["bills"].code == functions["orders"].code
    assert (functions["bills"].timeout_seconds, functions["orders"].timeout_seconds) == (60, 3)


def test_a_folder_is_its_files_together(write: Write) -> None:
    for name, section in document().items():
        section.get("orders", {}).update(code="../code")
        write(json.dumps({name: section}), f"conf/{name}.json")
    write("concurrency = 5\n", "conf/z.toml")
    write("nonsense: [", "conf/.hidden.yaml")
    write("nonsense: [", "conf/notes.txt")
    settings = load(Path("conf"))
    assert settings.concurrency == 5
    assert list(settings.event_source_mappings) == ["q"]


def test_sections_of_a_folders_files_are_joined(write: Write) -> None:
    write("aws: {region: eu-west-1}\nhttp: {listen: '127.0.0.1:0'}", "conf/a.yaml")
    write("aws: {account_id: '111111111111'}", "conf/b.yaml")
    settings = load(Path("conf"))
    assert (settings.aws.region, settings.aws.account_id, settings.http.listen) == (
        "eu-west-1",
        "111111111111",
        "127.0.0.1:0",
    )


def test_a_key_in_two_files_of_a_folder_is_named_with_both_places(write: Write) -> None:
    write("functions:\n  orders: {timeout_seconds: 4}\n", "conf/a.yaml")
    write("functions:\n  orders: {timeout_seconds: 5}\nstate: ./x\n", "conf/b.yaml")
    write("state: ./y\n", "conf/c.yaml")
    found = [line for line in complaints(Path("conf")) if "two files" in line]
    assert found == [
        "conf/b.yaml:2:3: functions.orders: this key stands in two files, first at conf/a.yaml:2:3",
        "conf/c.yaml:1:1: state: this key stands in two files, first at conf/b.yaml:3:1",
    ]


def test_one_file_of_a_folder_that_cannot_be_read_is_the_only_complaint(write: Write) -> None:
    write(json.dumps({"event_source_mappings": document()["event_source_mappings"]}), "conf/a.json")
    write("functions: [", "conf/b.yaml")
    assert [line.split(":")[0] for line in complaints(Path("conf"))] == ["conf/b.yaml"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", ": there is nothing in this file"),
        (b"# nothing\n", ": there is nothing in this file"),
        (b"a: 1\nb: \xff\n", ":2:4: not UTF-8: byte 0xff; save the file as UTF-8"),
        ("state: ./x".encode("utf-16"), ":1:1: not UTF-8: byte 0xff; save the file as UTF-8"),
        ("\ufeffstat: ä".encode(), ":1:1: stat: unknown key; did you mean state?"),
    ],
)
def test_files_that_are_no_text(write: Write, content: bytes, complaint: str) -> None:
    assert complaints(write(content)) == [f"pollerd.yaml{complaint}"]


def test_aliases_of_aliases_do_not_take_the_memory(write: Write) -> None:
    levels = [f"l{at}: &l{at} [{', '.join([f'*l{at - 1}'] * 10)}]" for at in range(1, 20)]
    assert complaints(write("\n".join(["l0: &l0 x", *levels]))) == [
        "pollerd.yaml: more than 1000000 values, counting what aliases repeat"
    ]


def test_a_byte_order_mark_is_no_part_of_the_text(write: Write) -> None:
    assert load(write(json.dumps(document()).encode("utf-8-sig"), "pollerd.json")) == load(write(SOUND))
    assert load(write(SOUND.encode("utf-8-sig"))) == load(write(SOUND))


def test_a_file_that_is_not_there(write: Write) -> None:
    assert complaints(Path("nowhere.yaml")) == ["nowhere.yaml: cannot be read: No such file or directory"]


def test_a_file_that_cannot_be_read(write: Write) -> None:
    Path("pollerd.yaml").symlink_to("pollerd.yaml")
    assert complaints() == ["pollerd.yaml: cannot be read: Too many levels of symbolic links"]


def test_a_file_of_an_unknown_kind(write: Write) -> None:
    assert complaints(write(SOUND, "pollerd.conf")) == [
        "pollerd.conf: the kind of file is told by its ending, one of .yaml, .yml, .json, .toml"
    ]


def test_a_folder_without_configuration(write: Write) -> None:
    assert complaints(Path("code")) == [
        "code: there is no configuration file in this folder; they end in .yaml, .yml, .json, .toml"
    ]


def test_without_a_path_the_working_folder_is_looked_at_first(write: Write) -> None:
    write("concurrency: 7")
    assert load().concurrency == 7


def test_without_a_path_etc_is_looked_at_next(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poller.settings.files.DEFAULTS", (Path("pollerd.yaml"), Path("etc/pollerd.yaml")))
    write("concurrency: 8", "etc/pollerd.yaml")
    assert load().concurrency == 8


def test_without_any_configuration_the_places_looked_at_are_named(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poller.settings.files.DEFAULTS", (Path("pollerd.yaml"), Path("etc/pollerd.yaml")))
    assert complaints() == [
        "pollerd.yaml: there is no such file here, and no etc/pollerd.yaml; `pollerd init` writes one"
    ]


def test_an_empty_mapping_is_a_configuration_of_defaults(write: Write) -> None:
    assert load(write("{}")) == Settings(state=str(Path.cwd() / "state"))
