"""A template in the place of a configuration, or named by one: what is served, what is said of the rest, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from poller.settings.architecture import ARCHITECTURE
from poller.settings.load import load, loaded
from poller.settings.model import Settings
from poller.settings.problems import SettingsError
from poller.settings.templates.notices import Notice

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
Mappings:
  Sizes: {dev: {Memory: 256}, prod: {Memory: 1024}}
Globals:
  Function:
    Runtime: python3.11
    Timeout: 30
    Environment: {Variables: {STAGE: !Ref Stage}}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "orders-${Stage}"}
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code/
      Handler: app.handler
      MemorySize: !FindInMap [Sizes, !Ref Stage, Memory]
      Policies: [AWSLambdaBasicExecutionRole]
      Environment: {Variables: {QUEUE: !Ref Queue, MANY: !If [Prod, 10, 1], ROLE: !Join ["-", [a, !Ref "AWS::Region"]]}}
      Events:
        Work:
          Type: SQS
          Properties: {Queue: !GetAtt Queue.Arn, BatchSize: !If [Prod, "10", "5"], ScalingConfig: !Ref "AWS::NoValue"}
        Web: {Type: HttpApi}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").write_text("def handler(event, context):\n    return None\n")
    return tmp_path


def served(template: str = TEMPLATE, config: str = "") -> tuple[Settings, list[Notice]]:
    Path("template.yaml").write_text(template)
    if config:
        Path("pollerd.yaml").write_text(config)
    found = loaded(Path("template.yaml"))
    return found.settings, list(found.notices)


def refused(template: str, config: str = "") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        served(template, config)
    return [str(problem) for problem in caught.value.problems]


def test_a_template_is_a_configuration() -> None:
    settings, told = served()
    orders, mapping = settings.functions["Orders"], settings.event_source_mappings["OrdersWork"]
    assert (orders.code, orders.handler, orders.runtime) == (str(Path.cwd() / "code"), "app.handler", "python3.11")
    assert (orders.timeout_seconds, orders.memory_mb) == (30, 256)
    assert orders.environment == {
        "STAGE": "dev",
        "QUEUE": "http://127.0.0.1:4566/000000000000/orders-dev",
        "MANY": "1",
        "ROLE": "a-us-east-1",
    }
    assert (mapping.function, mapping.batch_size, mapping.source.options.queue) == ("Orders", 5, "orders-dev")
    assert [str(each) for each in told] == [
        "template.yaml:23:7: Orders.Policies: has no effect here",
        "template.yaml:29:14: Orders.Events.Web.Type: HttpApi is not served: it is no queue or stream that is read here",
    ]


def test_what_stands_beside_it_goes_before() -> None:
    config = "aws: {region: eu-west-1, account_id: '123456789012', endpoint_url: 'http://127.0.0.1:9999'}\n"
    config += "template_parameters: {Stage: prod}\n"
    config += "functions: {Orders: {memory_mb: 512, environment: {MANY: '7'}}}\n"
    config += "event_source_mappings: {OrdersWork: {maximum_concurrency: 2}}\n"
    settings, _ = served(config=config)
    orders, mapping = settings.functions["Orders"], settings.event_source_mappings["OrdersWork"]
    assert (orders.memory_mb, orders.timeout_seconds, orders.environment["MANY"]) == (512, 30, "7")
    assert orders.environment["QUEUE"] == "http://127.0.0.1:9999/123456789012/orders-prod"
    assert orders.environment["ROLE"] == "a-eu-west-1"
    assert (mapping.maximum_concurrency, mapping.batch_size) == (2, 10)


def test_a_configuration_names_its_templates() -> None:
    Path("stacks").mkdir()
    Path("stacks/a.yaml").write_text(TEMPLATE.replace("code/", "../code"))
    Path("pollerd.yaml").write_text("templates: [stacks/a.yaml]\nconcurrency: 7\n")
    settings = load(Path("pollerd.yaml"))
    assert (list(settings.functions), settings.concurrency) == (["Orders"], 7)
    assert settings.templates == (str(Path.cwd() / "stacks/a.yaml"),)


def test_a_value_that_cannot_be_is_named_at_its_place_in_the_template() -> None:
    assert refused(TEMPLATE.replace("Timeout: 30", "Timeout: 3000")) == [
        "template.yaml:11:5: functions.Orders.timeout_seconds: 3000.0 is out of range: 1 to 900"
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("!ImportValue other", "Fn::ImportValue cannot be told here"),
        ("!Ref Nowhere", "there is no parameter and no resource 'Nowhere'"),
        ("!GetAtt Queue.Colour", "Colour of Queue (AWS::SQS::Queue) is known when it is deployed only"),
        ("'{{resolve:ssm:/a}}'", "a dynamic reference is looked up at AWS only"),
    ],
)
def test_a_variable_that_is_known_at_aws_only_has_to_be_given(value: str, reason: str) -> None:
    template = TEMPLATE.replace("QUEUE: !Ref Queue", f"QUEUE: {value}")
    (problem,) = refused(template)
    assert f"{reason}; pollerd.yaml can say it: functions.Orders.environment.QUEUE" in problem
    settings, _ = served(template, "functions: {Orders: {environment: {QUEUE: q}}}")
    assert settings.functions["Orders"].environment["QUEUE"] == "q"


def test_a_function_that_nothing_would_invoke_is_left_out_when_it_cannot_run() -> None:
    template = (
        TEMPLATE + "  Api:\n    Type: AWS::Serverless::Function\n    Properties: {CodeUri: s3://b/k, Handler: a.b}\n"
    )
    settings, told = served(template)
    assert list(settings.functions) == ["Orders"]
    assert "nothing here would invoke the function, and it is left out" in told[-1].sentence


def test_parameters_are_held_against_their_declaration() -> None:
    template = TEMPLATE.replace("!FindInMap [Sizes, !Ref Stage, Memory]", "128")
    problems = refused(template, "template_parameters: {Stage: test, Stag: dev}")
    assert [problem.partition(": ")[2] for problem in problems] == [
        "template_parameters.Stag: no template has this parameter; did you mean Stage?",
        "Parameters.Stage: its value is none of AllowedValues; they are dev, prod",
    ]


def test_an_alias_leads_to_the_function_as_it_stands() -> None:
    settings, told = served(TEMPLATE.replace("      CodeUri", "      AutoPublishAlias: live\n      CodeUri"))
    assert settings.functions["Orders"].aliases["live"].version == "$LATEST"
    assert settings.event_source_mappings["OrdersWork"].function == "Orders:live"
    assert "Orders.AutoPublishAlias: no version is published: the alias leads to $LATEST" in str(told[1])


def test_short_forms_mean_nothing_in_other_files() -> None:
    Path("pollerd.yaml").write_text("state: !Ref x\n")
    with pytest.raises(SettingsError, match="tags"):
        load(Path("pollerd.yaml"))


def with_function(*lines: str) -> str:
    return TEMPLATE.replace("      CodeUri: code/\n", "".join(f"      {line}\n" for line in lines))


def test_code_for_another_architecture_is_told_of() -> None:
    _, told = served(with_function("CodeUri: code/", "Architectures: [s390x]"))
    (notice,) = [each for each in told if each.member == "Architectures"]
    assert (notice.place.line, notice.minor) == (21, False)
    assert notice.sentence.startswith("the code is made for s390x and runs on ")
    _, told = served(with_function("CodeUri: code/", f"Architectures: [{ARCHITECTURE}]"))
    assert "Architectures" not in {each.member for each in told}


def test_the_package_type_decides_what_is_run() -> None:
    (problem,) = refused(with_function("CodeUri: code/", "PackageType: Image"))
    assert "functions.Orders.code: PackageType is Image, and there is no ImageUri: `sam build` makes" in problem
    settings, told = served(with_function("CodeUri: code/", "ImageUri: repo/orders:1", "PackageType: Zip"))
    assert settings.functions["Orders"].code == str(Path.cwd() / "code")
    assert [f"{each.member}: {each.sentence}" for each in told if each.member == "ImageUri"] == [
        "ImageUri: is not used: PackageType is Zip"
    ]


def test_a_mapping_of_several_topics_is_refused() -> None:
    topics = "{KafkaBootstrapServers: ['127.0.0.1:9092'], StartingPosition: LATEST, Topics: [a, b]}"
    template = TEMPLATE + f"        Log: {{Type: SelfManagedKafka, Properties: {topics}}}\n"
    (problem,) = refused(template)
    where = "event_source_mappings.OrdersLog.source.topic"
    assert f"{where}: a mapping reads one topic, and here are 2; pollerd.yaml can say it: {where}" in problem
    for topics in ("[a, b]", "[!ImportValue a]"):
        said = "event_source_mappings: {OrdersLog: {source: {topic: b}}}"
        settings, _ = served(template.replace("[a, b]", topics), said)
        assert settings.event_source_mappings["OrdersLog"].source.options.topic == "b"


def test_the_reference_of_a_resource_that_only_a_deployment_names_has_to_be_given() -> None:
    template = with_function("CodeUri: code/") + "  Pool: {Type: AWS::Cognito::UserPool}\n"
    template = template.replace("QUEUE: !Ref Queue", 'QUEUE: !Sub "${Pool}/x"')
    (problem,) = refused(template)
    assert "what Ref gives of Pool (AWS::Cognito::UserPool) is known when it is deployed only" in problem


def test_an_only_event_whose_source_is_not_known_is_no_reason_to_leave_the_function_out() -> None:
    template = TEMPLATE.replace("!GetAtt Queue.Arn", "!ImportValue orders")
    where = "event_source_mappings.OrdersWork.source"
    assert refused(template) == [
        f"template.yaml:28:31: {where}: Fn::ImportValue cannot be told here; pollerd.yaml can say it: {where}"
    ]
    settings, _ = served(template, "event_source_mappings: {OrdersWork: {source: {type: sqs, queue: orders}}}")
    assert settings.event_source_mappings["OrdersWork"].source.options.queue == "orders"


def test_what_macros_would_make_is_told_of() -> None:
    transforms = "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31, {Name: Own}]"
    template = TEMPLATE.replace("Transform: AWS::Serverless-2016-10-31", transforms)
    _, told = served(template + "  Fn::ForEach::Many: [N, [a, b], {'F${N}': {Type: AWS::Serverless::Function}}]\n")
    assert [(each.what, each.place.line) for each in told if "carried out" in each.sentence] == [
        ("Transform.AWS::LanguageExtensions", 1),
        ("Transform.Own", 1),
        ("Fn::ForEach::Many", 30),
    ]
    assert not any(each.minor for each in told if "carried out" in each.sentence)
