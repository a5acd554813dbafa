"""A configuration that cannot work ends the start: exit code 78, and each problem with file, line, column and a sentence."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.faults.daemon import PROGRAM
from tests.faults.scene import FUNCTION, RUNTIME

pytestmark = [pytest.mark.server, pytest.mark.slow]

SOUND = """\
http: {listen: "127.0.0.1:0"}
aws: {region: us-east-1, endpoint_url: "http://127.0.0.1:9"}
functions:
  worker:
    code: CODE
    runtime: RUNTIME
    handler: app.handler
event_source_mappings:
  work:
    source: {type: sqs, queue: orders}
    function: worker
"""

PLACE = re.compile(r"pollerd\.yaml:(\d+):(\d+): (.+)")

MISTAKES = [
    ("functions:", "functons:", 3, "functions"),
    ("handler: app.handler", "handler: app.handler\n    timeout_seconds: soon", 8, "number"),
    ("handler: app.handler", "handler: main.handler", 7, "main.py"),
    ("code: CODE", "code: ./nowhere", 5, "nowhere"),
    ("code: CODE", "code: ./broken.zip", 5, "broken.zip"),
    ("runtime: RUNTIME", "runtime: python3.99", 6, "python3.99"),
    ("runtime: RUNTIME", "runtime: nodejs22.x", 6, "nodejs22.x"),
    ("queue: orders", "queue: 'arn:aws:sns:us-east-1:000000000000:orders'", 10, "ARN"),
    ("queue: orders", "queue: orders, wait: 5", 10, "wait"),
    ("type: sqs", "type: sqqs", 10, "sqs"),
    ("function: worker", "function: wroker", 11, "worker"),
    (', endpoint_url: "http://127.0.0.1:9"', "", 10, "allow_aws"),
    ("function: worker", "function: worker\n    filter_criteria: [{body: [{prefx: a}]}]", 12, "prefx"),
    ("region: us-east-1", "region: [us-east-1", 2, ""),
]


def run(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder.joinpath("broken.zip").write_bytes(b"PK\x03\x04 and no more")
    config = folder / "pollerd.yaml"
    config.write_text(text.replace("CODE", str(FUNCTION)).replace("RUNTIME", RUNTIME))
    return subprocess.run(
        [PROGRAM, *(arguments or ("run", config))], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("right", "wrong", "line", "word"), MISTAKES, ids=[wrong for _, wrong, _, _ in MISTAKES])
def test_a_mistake_is_told_with_its_place(tmp_path: Path, right: str, wrong: str, line: int, word: str) -> None:
    assert right in SOUND
    ended = run(tmp_path, SOUND.replace(right, wrong, 1))
    assert ended.returncode == 78, ended.stderr
    places = [(int(found[1]), found[3]) for found in PLACE.finditer(ended.stderr)]
    assert [text for at, text in places if at == line and word in text], ended.stderr
    assert "Traceback" not in ended.stderr


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = SOUND
    for right, wrong in [
        ("handler: app", "handler: main"),
        ("queue: orders", "quue: orders"),
        ("function: w", "fn: w"),
    ]:
        text = text.replace(right, wrong, 1)
    ended = run(tmp_path, text)
    assert ended.returncode == 78
    assert {7, 10, 11} <= {int(found[1]) for found in PLACE.finditer(ended.stderr)}


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe junk", b"- a list\n", b"just words\n"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "pollerd.yaml"
    config.write_bytes(content)
    ended = subprocess.run([PROGRAM, "run", config], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 78, ended.stderr
    assert "pollerd.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = run(tmp_path, SOUND, "run", "nowhere.yaml")
    assert ended.returncode == 78, ended.stderr
    assert "nowhere.yaml" in ended.stderr


@pytest.mark.parametrize("arguments", [("rnu",), ("run", "--no-such-option"), ("run", "a.yaml", "b.yaml")])
def test_a_wrong_call_ends_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = run(tmp_path, SOUND, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert "usage" in ended.stderr.lower()
