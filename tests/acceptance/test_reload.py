"""What takes effect without a restart, and what has it do so: files that change, code that changes, a request, a signal."""

from __future__ import annotations

import getpass
import json
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from poller.control import history
from poller.control.token import token
from tests.faults.daemon import PROGRAM, Daemon
from tests.faults.scene import RUNTIME
from tests.faults.until import until

pytestmark = pytest.mark.slow

CODE = "def handler(event, context):\n    return {word!r}\n"


class Stage:
    """A function that says a word, and a configuration that may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder / "code"
        self.code.mkdir()
        self.says("first")
        function = {"code": "./code", "runtime": RUNTIME, "handler": "app.handler"}
        self.config: dict[str, Any] = {"http": {"listen": "127.0.0.1:0"}, "functions": {"orders": function}}
        self.file = folder / "pollerd.json"
        self.write()
        self.daemons: list[Daemon] = []

    def says(self, word: str) -> None:
        """Replaced in one step, as editors and deployments do."""
        new = self.code / ".new"
        new.write_text(CODE.format(word=word))
        new.rename(self.code / "app.py")

    def write(self) -> None:
        new = self.folder / "new"
        new.write_text(json.dumps(self.config))
        new.rename(self.file)

    def start(self, *options: str) -> Daemon:
        daemon = Daemon(self.file, str(self.folder), *options)
        self.daemons.append(daemon)
        daemon.start()
        return daemon

    def token(self) -> str:
        return token(self.folder / "state")


def answers(daemon: Daemon) -> str:
    url = f"{daemon.url}/2015-03-31/functions/orders/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"), timeout=30) as answer:
        return str(json.load(answer))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    tmp_path.chmod(0o755)
    stage = Stage(tmp_path)
    yield stage
    for daemon in stage.daemons:
        daemon.kill()
        daemon.wait_gone()


def test_an_included_file_and_a_secret_that_change_take_effect(stage: Stage) -> None:
    stage.config |= {"reload_on_change": True, "include": ["./more/*.yaml"]}
    function = stage.config["functions"]["orders"]
    function["environment"] = {"WORD": {"secret": "file:secrets/word"}}
    for name in ("more", "secrets"):
        (stage.folder / name).mkdir()
    word = stage.folder / "secrets" / "word"
    word.write_text("first\n")
    (stage.code / "app.py").write_text("import os\ndef handler(event, context):\n    return os.environ['WORD']\n")
    stage.write()
    daemon = stage.start()
    assert answers(daemon) == "first"
    word.write_text("second\n")
    until(lambda: answers(daemon) == "second", "the new secret is there")
    (stage.folder / "more" / "limit.yaml").write_text("concurrency: 7\n")
    until(lambda: len(daemon.logged("configuration reloaded")) > 1, "the new file was read")
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    api: Any = boto3.client("lambda", endpoint_url=daemon.url, region_name="us-east-1", **keys)
    assert api.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 7
    shown = api.get_function_configuration(FunctionName="orders")["Environment"]["Variables"]
    assert shown == {"WORD": "file:secrets/word"}


def test_code_that_changes_runs_at_once_while_it_is_watched(stage: Stage) -> None:
    daemon = stage.start("--watch")
    assert answers(daemon) == "first"
    stage.says("second")
    until(lambda: answers(daemon) == "second", "the new code runs")
    stage.code.rename(stage.folder / "away")
    stage.code.mkdir()
    stage.says("third")
    until(lambda: answers(daemon) == "third", "the new folder's code runs")


def test_a_signal_brings_new_code_where_nothing_watches(stage: Stage) -> None:
    daemon = stage.start()
    assert answers(daemon) == "first"
    stage.says("second")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.logged("configuration reloaded"), "the configuration was read again")
    assert answers(daemon) == "second"
    [told] = daemon.logged("configuration reloaded")
    assert (told["functions"], told["mappings"]) == (["orders"], [])


def test_files_that_change_take_effect_if_they_are_to(stage: Stage) -> None:
    stage.config["reload_on_change"] = True
    stage.write()
    daemon = stage.start()
    stage.config["functions"]["orders"]["timeout_seconds"] = 5
    stage.write()
    until(lambda: daemon.logged("configuration reloaded"), "the configuration was read again")
    stage.file.write_text("{")
    until(lambda: daemon.logged("configuration refused"), "the broken file was refused")
    assert answers(daemon) == "first"


def post(daemon: Daemon, token: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{daemon.url}/_pollerd/reload", b"", {"Authorization": f"Bearer {token}"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_request_reloads_and_tells_what_that_concerned(stage: Stage) -> None:
    daemon = stage.start()
    assert post(daemon, "none")[0] == 401
    assert post(daemon, stage.token()) == (200, {"functions": [], "mappings": []})
    stage.config["functions"]["orders"]["timeout_seconds"] = 5
    stage.write()
    assert post(daemon, stage.token()) == (200, {"functions": ["orders"], "mappings": []})
    stage.config["state"] = "./elsewhere"
    stage.write()
    assert post(daemon, stage.token()) == (409, {"message": "state can be changed by a restart only"})
    stage.file.write_text('{"functions": {"orders": {"cod": "x"}}}')
    status, answer = post(daemon, stage.token())
    assert status == 409
    assert "did you mean code?" in answer["message"]


def test_keys_change_without_a_restart(stage: Stage) -> None:
    stage.config["http"]["keys"] = {"old": {"secret_access_key": "a-secret-of-old-times"}}
    stage.write()
    daemon = stage.start()

    def functions(key: str, secret: str) -> int:
        client = boto3.client(
            "lambda",
            endpoint_url=daemon.url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )
        return len(client.list_functions()["Functions"])

    assert functions("old", "a-secret-of-old-times") == 1
    stage.config["http"]["keys"] = {"new": {"secret_access_key": "a-secret-of-new-times"}}
    stage.write()
    assert post(daemon, stage.token())[0] == 200
    assert functions("new", "a-secret-of-new-times") == 1
    with pytest.raises(ClientError, match="security token"):
        functions("old", "a-secret-of-old-times")


def certificate(folder: Path, name: str) -> None:
    """In the place of the one that is there."""
    options = f"-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -days 2"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(["openssl", "req", *options.split(), *files], check=True, capture_output=True)


def test_certificates_are_renewed_without_a_restart(stage: Stage) -> None:
    certificate(stage.folder, "first")
    stage.config["http"]["tls"] = {"certificate": "./certificate.pem", "private_key": "./key.pem"}
    stage.write()
    daemon = Daemon(stage.file, str(stage.folder))
    stage.daemons.append(daemon)
    daemon.spawn()
    until(lambda: daemon.url, "the port is open")
    address = ("127.0.0.1", int(daemon.url.rpartition(":")[2]))

    def shown() -> str:
        return ssl.get_server_certificate(address)

    assert shown() == (stage.folder / "certificate.pem").read_text()
    certificate(stage.folder, "second")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.logged("configuration reloaded"), "the configuration was read again")
    second = (stage.folder / "certificate.pem").read_text()
    assert shown() == second
    (stage.folder / "key.pem").write_text("no key")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.logged("configuration refused"), "a key that does not do was refused")
    assert shown() == second


def pollerd(daemon: Daemon, *arguments: str) -> str:
    """What ``pollerd mappings`` prints."""
    options = ["--config", str(daemon.config), *(["--url", daemon.url] if daemon.running else [])]
    ended = subprocess.run(
        [PROGRAM, "mappings", *arguments, *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_who_changed_what_of_a_mapping_is_known_after_a_restart(stage: Stage) -> None:
    stage.config["http"]["keys"] = {"AKIDEXAMPLE": {"secret_access_key": "a-secret-of-sixteen"}}
    source = {"type": "memory-stream", "stream": "clicks"}
    mapping: dict[str, Any] = {"source": source, "function": "orders", "batch_size": 5}
    stage.config["event_source_mappings"] = {"clicks": mapping}
    stage.write()
    daemon = stage.start()
    mapping |= {"batch_size": 7, "circuit_breaker": {"failures": 3}}
    stage.write()
    assert post(daemon, stage.token()) == (200, {"functions": [], "mappings": ["clicks"]})
    pollerd(daemon, "pause", "clicks")
    pollerd(daemon, "resume", "clicks")
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "a-secret-of-sixteen"}
    api: Any = boto3.client("lambda", endpoint_url=daemon.url, region_name="us-east-1", **keys)
    servers = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["127.0.0.1:1"]}}
    asked = {"SelfManagedEventSource": servers, "Topics": ["parcels"], "StartingPosition": "LATEST"}
    made = api.create_event_source_mapping(FunctionName="orders", Enabled=False, **asked)["UUID"]
    api.update_event_source_mapping(UUID=made, BatchSize=3)
    daemon.kill()
    daemon.wait_gone()
    mapping["enabled"] = False
    stage.write()
    daemon.start()
    api = boto3.client("lambda", endpoint_url=daemon.url, region_name="us-east-1", **keys)
    api.delete_event_source_mapping(UUID=made)

    state = stage.folder / "state"
    until(lambda: history.log(state, "clicks")[-1].what == "disabled", "the start was recorded")
    lines = json.loads(pollerd(daemon, "log", "clicks", "--json"))
    user = getpass.getuser()
    assert [(line["what"], line["who"]) for line in lines] == [
        ("created", "files"),
        ("changed", "files"),
        ("paused", user),
        ("resumed", user),
        ("disabled", "files"),
    ]
    assert lines[1]["keys"]["batch_size"] == {"from": 5, "to": 7}
    assert lines[1]["keys"]["circuit_breaker.failures"] == {"from": None, "to": 3}
    daemon.stop()
    made_lines = history.log(state, made)
    assert [(line.what, line.by.who, line.by.why) for line in made_lines] == [
        (what, "API key AKIDEXAMPLE", f"{verb}EventSourceMapping")
        for what, verb in (("created", "Create"), ("changed", "Update"), ("removed", "Delete"))
    ]
    assert made_lines[1].keys == {"batch_size": (None, 3)}
    explained = pollerd(daemon, "explain", "clicks")
    assert f"  {lines[0]['moment'][:10]}" in explained
    assert "files changed batch_size: 5 -> 7 (read again)" in explained
    assert "files disabled enabled: true -> false (read at the start)" in explained
