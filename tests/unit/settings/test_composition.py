"""Includes and profiles: which files and which parts of them make up a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from poller.settings.load import load, loaded, profiles_of
from poller.settings.problems import SettingsError
from tests.unit.settings.pretended import SOUND, Write, complaints

FUNCTION = "functions: {NAME: {code: ../code, runtime: python3.11, handler: app.handler}}\n"


def problems(path: Path, profile: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path, profile=profile)
    return [str(problem) for problem in caught.value.problems]


def test_included_files_are_joined_each_relative_to_itself(write: Write) -> None:
    write(FUNCTION.replace("NAME", "b"), "parts/b.yaml")
    write(FUNCTION.replace("NAME", "a"), "parts/a.yaml")
    write('include = ["../more"]\n', "parts/c.toml")
    write('{"concurrency": 5}', "more/d.json")
    found = loaded(write("include: [./parts/*.yaml, parts/c.toml, './none/*.yaml']\n"))
    assert list(found.settings.functions) == ["a", "b"]
    assert found.settings.concurrency == 5
    assert Path(str(found.settings.functions["a"].code)).samefile("code")
    here = Path.cwd()
    names = {file.resolve() for file in found.files}
    files = ["pollerd.yaml", "parts/a.yaml", "parts/b.yaml", "parts/c.toml", "more/d.json", "more", "parts", "none"]
    assert names == {here / name for name in files}


def test_a_path_to_include_may_hold_variables(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "test")
    write("concurrency: 7\n", "test.yaml")
    assert load(write("include: ['./${STAGE}.yaml']\n")).concurrency == 7


def test_a_file_that_is_reached_twice_counts_once(write: Write) -> None:
    write("concurrency: 7\n", "c.yaml")
    write("include: [c.yaml]\nlog: {level: error}\n", "b.yaml")
    assert load(write("include: [b.yaml, c.yaml, './c.*']\n")).concurrency == 7


def test_a_name_in_two_files_is_told_with_both_places(write: Write) -> None:
    write(FUNCTION.replace("NAME", "orders"), "parts/a.yaml")
    [found] = complaints(write(SOUND + "include: [parts/a.yaml]\n"))
    assert found == "parts/a.yaml:1:13: functions.orders: this key stands in two files, first at pollerd.yaml:3:3"


@pytest.mark.parametrize(
    ("include", "complaint"),
    [
        (
            "[a.yaml]",
            "a.yaml:1:11: include[0]: pollerd.yaml includes itself, by way of this file; leave one of them out",
        ),
        ("[pollerd.yaml]", "pollerd.yaml:1:11: include[0]: pollerd.yaml includes itself"),
        (
            "[nowhere.yaml]",
            "pollerd.yaml:1:11: include[0]: there is no nowhere.yaml; a pattern (*.yaml) may match nothing",
        ),
        ("[3]", "pollerd.yaml:1:11: include[0]: expected a path"),
        ("a.yaml", "pollerd.yaml:1:1: include: expected a list of paths; [./functions/*.yaml]"),
        ("[notes.txt]", "notes.txt: the kind of file is told by its ending"),
        ("['${NO_SUCH}']", "the environment has no variable NO_SUCH"),
        ("[broken.yaml]", "broken.yaml:1:"),
    ],
)
def test_what_cannot_be_included_is_said_with_its_place(write: Write, include: str, complaint: str) -> None:
    write("include: [pollerd.yaml]\n", "a.yaml")
    write("hello", "notes.txt")
    write("a: [", "broken.yaml")
    [found] = complaints(write(f"include: {include}\n"))
    assert complaint in found


PROFILED = """\
concurrency: 10
log: {level: info, format: text}
functions:
  orders: {code: ./code, runtime: python3.11, handler: app.handler, reserved_concurrency: 2}
event_source_mappings:
  q: {source: {type: queue, queue: q, endpoint_url: "http://127.0.0.1:4566"}, function: orders}
profiles:
  large:
    concurrency: 2000
    log: {level: warning}
    functions: {orders: {reserved_concurrency: null}}
  news:
    event_source_mappings: {q: {source: {type: topic, topic: t}}}
  broken:
    log: {levle: info}
    functions: {orders: {memory_mb: null}}
    state: ${NO_SUCH_STATE}
"""


def test_without_a_profile_none_counts(write: Write) -> None:
    settings = load(write(PROFILED))
    assert (settings.concurrency, settings.log.level, settings.functions["orders"].reserved_concurrency) == (
        10,
        "info",
        2,
    )


def test_a_profile_is_merged_replaces_and_takes_away(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(PROFILED)
    named = load(file, profile="large")
    monkeypatch.setenv("POLLERD_PROFILE", "large")
    assert load(file) == named
    assert (named.concurrency, named.log.level, named.log.format) == (2000, "warning", "text")
    assert named.functions["orders"].reserved_concurrency is None
    assert load(file, profile="").concurrency == 10


def test_another_type_replaces_the_whole_source(write: Write) -> None:
    source = load(write(PROFILED), profile="news").event_source_mappings["q"].source
    assert (source.type, source.options.topic) == ("topic", "t")


def test_what_is_wrong_in_a_profile_is_told_where_it_stands(write: Write) -> None:
    told = "null takes a key away, and there is none of this name"
    found = problems(write(PROFILED), "broken")
    assert found[0] == "pollerd.yaml:15:11: log.levle: unknown key; did you mean level?"
    assert found[1].startswith(f"pollerd.yaml:16:26: profiles.broken.functions.orders.memory_mb: {told}")
    assert found[2].startswith("pollerd.yaml:17:5: state: the environment has no variable NO_SUCH_STATE")
    assert len(found) == 3


def test_a_profile_that_there_is_not_is_an_error_with_the_nearest(write: Write) -> None:
    assert problems(write(PROFILED), "lagre") == ["pollerd.yaml: there is no profile 'lagre'; did you mean large?"]
    assert problems(write(SOUND), "x") == ["pollerd.yaml: there is no profile 'x'; there are no profiles in it"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("profiles: [a]\n", "pollerd.yaml:1:1: profiles: expected profiles by name"),
        ("profiles: {a: 3}\n", "pollerd.yaml:1:12: profiles.a: expected a mapping of keys"),
        ("profiles: {a: {profiles: {}}}\n", "pollerd.yaml:1:16: profiles.a.profiles: a profile has no profiles"),
    ],
)
def test_profiles_that_are_none_are_refused_in_any_case(write: Write, text: str, complaint: str) -> None:
    [found] = complaints(write(text))
    assert found.startswith(complaint)


def test_several_files_may_add_to_a_profile(write: Write) -> None:
    write("profiles: {p: {concurrency: 3, log: {level: error}}}\n", "conf/a.yaml")
    write("profiles: {p: {log: {format: json}}, r: {}}\n", "conf/b.yaml")
    settings = load(Path("conf"), profile="p")
    assert (settings.concurrency, settings.log.level, settings.log.format) == (3, "error", "json")
    assert profiles_of(Path("conf")) == ("", "p", "r")


def test_what_was_read_is_known_of_a_configuration_that_cannot_be_used(write: Write) -> None:
    write("nonsense: 1\n", "a.yaml")
    with pytest.raises(SettingsError) as caught:
        load(write("include: [a.yaml]\n"))
    assert [file.name for file in caught.value.files] == ["pollerd.yaml", "a.yaml"]
