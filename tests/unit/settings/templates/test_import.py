"""`pollerd import`: the file that is written means what the template means, shows what is not served, and keeps secrets references."""

from __future__ import annotations

import dataclasses
import json
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from poller import cli
from poller.settings.load import load, loaded
from poller.settings.model import Settings
from poller.settings.nodes import Place, Table
from poller.settings.problems import Report
from poller.settings.templates.parameters import parameters
from poller.settings.templates.read import parsed, pseudo
from poller.settings.templates.resolver import Resolver

TEMPLATES = sorted((Path(__file__).parents[3] / "golden/templates").glob("*.yaml"))
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("code", "stack/code"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "app.py").write_text("def handler(event, context):\n    return None\n")
    return tmp_path


def imported(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["import", *arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def meant(path: str, **parameters: str) -> Settings:
    """But for the keys that name templates, which the written file has no more."""
    settings = loaded(Path(path), parameters=parameters).settings
    return dataclasses.replace(settings, templates=(), template_parameters={})


TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "orders-${Stage}"}}
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code/
      Handler: app.handler
      Runtime: RUNTIME
      Tags: {team: orders}
      Environment: {Variables: {ZIP: 0123, ON: "on", FORM: !Sub "${!HOME} $${!x}", STAGE: !Ref Stage}}
      Events:
        Work: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, FilterCriteria: {Filters: [{Pattern: '{"body": {"a": ["${b}"]}}'}]}}}
        "Web\\nstate: /": {Type: "Http\\nApi"}
"""
BESIDE = """\
http: {listen: "127.0.0.1:${PORT}"}
functions:
  Orders:
    environment: {PASSWORD: {secret: "env:PASSWORD"}, LEVEL: "${LEVEL:-info}"}
    event_invoke_config: {destination_config: {on_failure: {destination: "file:failures"}}}
event_source_mappings:
  OrdersWork: {batch_size: "${SIZE}", source: {access_key_id: a, secret_access_key: "file:key"}}
"""


HERE = {"code": "./code", "handler": "app.handler", "runtime": RUNTIME, "layers": []}
BROKERS = ["FilteredEventsFunctionMSKEvent", "MyMskStreamProcessorMyMskEvent", "MSKFunctionMyMSKStream"]
"""Mappings whose brokers no template says."""
AS_LAMBDA_TAKES_IT = {
    r"'{\"(\w+)\": \"(\w+)\"}'": r"""'{"\1": ["\2"]}'""",
    r"(?m)^ *ParallelizationFactor: .*$": "",
    "RecursiveLoop: ALLOW": "RecursiveLoop: Allow",
    "RecursiveLoop: TERMINATE": "RecursiveLoop: Terminate",
}
"""The transform lets more pass than Lambda and pollerd do: a pattern that is a text, a tumbling window in several lanes, capitals."""


def beside(file: Path) -> dict[str, Any]:
    """What no template of AWS's says: where on this host code and brokers are."""
    tree = parsed(file, Report())
    assert tree is not None
    resources = tree.entries["Resources"].node
    assert isinstance(resources, Table)
    resolver = Resolver(tree, parameters(tree, {}, Report()), pseudo(Table(Place(file), {})))
    names = [resolver.name(each) for each in resources.entries if resolver.kind(each).endswith("::Function")]
    brokers = {"source": {"bootstrap_servers": ["127.0.0.1:9092"]}}
    mappings = {name: brokers for name in BROKERS if any(map(name.startswith, names))}
    return {"functions": dict.fromkeys(names, HERE), "event_source_mappings": mappings}


WRITTEN = r"""# What stack/template.yaml says, by `pollerd import`.
# not served: Orders.Tags: has no effect here
# not served: Orders.Events.Web state: /.Type: Http Api is not served: it is no queue or stream that is read here

state: "./stack/state"
http:
  listen: "127.0.0.1:${PORT}"
functions:
  Orders:
    handler: app.handler
    runtime: RUNTIME
    code: "./stack/code"
    environment:
      ZIP: "0123"
      "ON": "on"
      FORM: "$${HOME} $$${x}"
      STAGE: dev
      PASSWORD:
        secret: "env:PASSWORD"
      LEVEL: "${LEVEL:-info}"
    event_invoke_config:
      destination_config:
        on_failure:
          destination: "file:./stack/failures"
event_source_mappings:
  OrdersWork:
    source:
      type: sqs
      queue: orders-dev
      access_key_id: a
      secret_access_key: "file:./stack/key"
    function: Orders
    filter_criteria:
    - "{\"body\": {\"a\": [\"$${b}\"]}}"
    batch_size: "${SIZE}"
"""


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_the_file_means_what_the_template_means(file: Path) -> None:
    text = file.read_text()
    for refused, taken in AS_LAMBDA_TAKES_IT.items():
        text = re.sub(refused, taken, text)
    Path("template.yaml").write_text(text)
    Path("pollerd.yaml").write_text(json.dumps(beside(file)))
    assert imported("template.yaml", "-o", "own.yaml") == 0
    assert meant("own.yaml") == meant("template.yaml")
    assert load(Path("own.yaml")).functions


def test_variables_and_secrets_stay_what_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PORT": "9871", "PASSWORD": "pa55", "SIZE": "7"}.items():
        monkeypatch.setenv(name, value)
    Path("stack/key").write_text("k3y")
    Path("stack/template.yaml").write_text(TEMPLATE.replace("RUNTIME", RUNTIME))
    Path("stack/pollerd.yaml").write_text(BESIDE)
    assert imported("stack/template.yaml", "--parameter", "Stage=dev", "-o", "own.yaml") == 0
    assert Path("own.yaml").read_text() == WRITTEN.replace("RUNTIME", RUNTIME)
    assert stat.S_IMODE(Path("own.yaml").stat().st_mode) == 0o600
    assert meant("own.yaml") == meant("stack/template.yaml", Stage="dev")
    told = capsys.readouterr()
    assert told.out == "own.yaml: functions: 1, event source mappings: 1; readable by you alone\n"
    assert "stack/template.yaml:12:7: not served: Orders.Tags: has no effect here\n" in told.err


def test_nothing_that_is_there_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stack/template.yaml").write_text(TEMPLATE.replace("RUNTIME", RUNTIME))
    Path("pollerd.yaml").write_text("concurrency: 7\n")
    Path("link.yaml").symlink_to("nowhere.yaml")
    for file in ("pollerd.yaml", "link.yaml"):
        assert imported("stack/template.yaml", "--parameter", "Stage=dev", "-o", file) == 2
        assert f"{file} is there already; name another one with -o" in capsys.readouterr().err
    assert Path("pollerd.yaml").read_text() == "concurrency: 7\n"
    assert not Path("nowhere.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["template.yaml"], 78, "the parameter Stage has no value: --parameter or"),
        (
            ["template.yaml", "--parameter", "Stag=dev"],
            78,
            "--parameter: template_parameters.Stag: no template has this",
        ),
        (["template.yaml", "--parameter", "Stage"], 2, "'Stage' is no NAME=VALUE"),
        (["template.yaml", "-o", "own.toml"], 2, "own.toml does not end in .yaml or .yml"),
        (["template.yaml", "--parameter", "Stage=dev", "-o", "none/own.yaml"], 1, "No such file or directory"),
        (["plain.yaml"], 2, "plain.yaml is no template and names none"),
    ],
)
def test_what_cannot_be_written_is_told(
    arguments: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("template.yaml").write_text(TEMPLATE.replace("RUNTIME", RUNTIME))
    Path("plain.yaml").write_text("concurrency: 7\n")
    assert imported(*arguments) == code
    assert reason in capsys.readouterr().err
    assert not Path("pollerd.yaml").exists()


@pytest.mark.parametrize("profiles", [[], ["--all-profiles"]])
def test_check_takes_parameters_too(profiles: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("template.yaml").write_text(TEMPLATE.replace("RUNTIME", RUNTIME))
    with pytest.raises(SystemExit) as end:
        cli.main(["check", "template.yaml", "--parameter", "Stage=dev", *profiles])
    assert end.value.code == 0
    assert "functions: 1, event source mappings: 1" in capsys.readouterr().out
