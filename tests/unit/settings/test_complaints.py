"""Rubbish in, sentences out: every kind of mistake, word for word, with its line and column."""

# ruff: noqa: E501 - the messages stand here as they are shown

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from poller.settings.load import load
from tests.unit.settings.pretended import MAPPING, SOUND, Write, complaints, document

FUNCTION = """\
functions:
  orders:
    code: ./code
    runtime: python3.11
    handler: app.handler
"""


KEYS = [
    ("timout_seconds: 30", "6:5: functions.orders.timout_seconds: unknown key; did you mean timeout_seconds?"),
    ("MemorySize: 256", "6:5: functions.orders.MemorySize: unknown key; did you mean memory_mb?"),
    (
        "timeout_seconds: 3s",
        "6:5: functions.orders.timeout_seconds: expected a number, not the text '3s'; write 3: the key's unit is seconds",
    ),
    (
        "timeout_seconds: 5 min",
        "6:5: functions.orders.timeout_seconds: expected a number, not the text '5 min'; write 300: the key's unit is seconds",
    ),
    (
        "timeout_seconds: 1 fortnight",
        "6:5: functions.orders.timeout_seconds: expected a number, not the text '1 fortnight'; write a number: the key's unit is seconds",
    ),
    (
        "memory_mb: 1GB",
        "6:5: functions.orders.memory_mb: expected a whole number, not the text '1GB'; write 1024: the key's unit is mb",
    ),
    (
        'memory_mb: "256"',
        "6:5: functions.orders.memory_mb: expected a whole number, not the text '256'; write 256 without quotes",
    ),
    ("memory_mb: 256.5", "6:5: functions.orders.memory_mb: expected a whole number, not the number 256.5"),
    ("memory_mb: true", "6:5: functions.orders.memory_mb: expected a whole number, not true"),
    ("memory_mb: [256]", "6:5: functions.orders.memory_mb: expected a whole number, not a list"),
    (
        "memory_mb: 0256",
        "6:5: functions.orders.memory_mb: expected a whole number; the text '0256' is read as different numbers, or as a text, by different readers of YAML; write it out in decimal digits",
    ),
    ("memory_mb: 64", "6:5: functions.orders.memory_mb: 64 is out of range: 128 to 10240"),
    ("timeout_seconds: 901", "6:5: functions.orders.timeout_seconds: 901.0 is out of range: 1 to 900"),
    ("timeout_seconds: .inf", "6:5: functions.orders.timeout_seconds: expected a number, not the number inf"),
    ("reserved_concurrency: -1", "6:5: functions.orders.reserved_concurrency: -1 is out of range: 0 or more"),
    (
        "reserved_concurrency:",
        "6:5: functions.orders.reserved_concurrency: null is no value; leave the key out to have its default",
    ),
    ("environment: [A]", "6:5: functions.orders.environment: expected a mapping, not a list"),
    (
        "environment: {A: b}",
        "6:19: functions.orders.environment.A: expected a variable name: a letter, then one or more letters, digits and underscores",
    ),
    (
        "environment: {AWS_REGION: x}",
        "6:19: functions.orders.environment.AWS_REGION: AWS reserves this variable: only the platform sets it; leave it out",
    ),
    (
        "environment: {AB: }",
        "6:19: functions.orders.environment.AB: null is no value; leave the key out to have its default",
    ),
    (
        "aliases: {7: {version: 3}}",
        "6:15: functions.orders.aliases.7: expected a name of 1 to 128 letters, digits, hyphens and underscores, not of digits alone",
    ),
    ("aliases: {live: 3}", "6:15: functions.orders.aliases.live: expected a mapping of keys, not a single value"),
    ("aliases: {live: {}}", "6:15: functions.orders.aliases.live.version: this key is required"),
    (
        "aliases: {live: {version: 0}}",
        "6:22: functions.orders.aliases.live.version: '0' is not a version number or $LATEST",
    ),
    (
        "aliases: {live: {version: prod}}",
        "6:22: functions.orders.aliases.live.version: 'prod' is not a version number or $LATEST",
    ),
    (
        "aliases: {live: {version: 3, weights: {4: 1.5}}}",
        "6:44: functions.orders.aliases.live.weights.4: 1.5 is out of range: 0 to 1",
    ),
    (
        "aliases: {live: {version: 3, weights: {$LATEST: 0.5}}}",
        '6:44: functions.orders.aliases.live.weights."$LATEST": expected a version number',
    ),
    (
        "aliases: {live: {version: 3, weights: {4: 0.1, 5: 0.1}}}",
        "6:34: functions.orders.aliases.live.weights: Number of items in AdditionalVersionWeights cannot be greater than 1; an alias splits its invocations between two versions",
    ),
    (
        "aliases: {live: {version: $LATEST, weights: {4: 0.1}}}",
        "6:22: functions.orders.aliases.live.version: $LATEST is not supported for an alias pointing to more than 1 version; publish it, and name the version",
    ),
    (
        "aliases: {live: {version: 4, weights: {4: 0.1}}}",
        "6:44: functions.orders.aliases.live.weights.4: Invalid function version 4. Function version 4 is already included in routing configuration",
    ),
    ("environment: {AB: [c]}", "6:19: functions.orders.environment.AB: expected a text, not a list"),
    (
        f"environment: {{AB: {'x' * 4088}}}",
        "6:5: functions.orders.environment: the variables take 4097 bytes as JSON; 4096 are allowed",
    ),
]


@pytest.mark.parametrize(("line", "complaint"), KEYS)
def test_a_bad_option_of_a_function(write: Write, line: str, complaint: str) -> None:
    assert complaints(write(f"{FUNCTION}    {line}\n")) == [f"pollerd.yaml:{complaint}"]


MAPPINGS = [
    (
        "enabled: yes",
        "8:5: {q}.enabled: expected true or false; the text 'yes' is a truth value to some readers of YAML and a text to others; write true",
    ),
    ("enabled: 1", "8:5: {q}.enabled: expected true or false, not the number 1"),
    ("batch_size: 10001", "8:5: {q}.batch_size: 10001 is out of range: 1 to 10000"),
    (
        "batch_size: 11",
        "8:5: {q}.batch_size: 11 needs maximum_batching_window_seconds of 1 or more: one fetch returns at most 10",
    ),
    (
        "function_response_types: ReportBatchItemFailures",
        "8:5: {q}.function_response_types: expected a list, not the text 'ReportBatchItemFailures'; a single item stands in brackets, too: [...]",
    ),
    (
        "function_response_types: [reportbatchitemfailures]",
        "8:31: {q}.function_response_types[0]: 'reportbatchitemfailures' is none of the choices; did you mean ReportBatchItemFailures?",
    ),
    ("envelope: snss", "8:5: {q}.envelope: there is no envelope 'snss'; did you mean sns?"),
    (
        "envelope: kafka",
        "8:5: {q}.envelope: records of this source make no kafka event; it has cloudevents, raw, sns, sqs",
    ),
    ("filter_criteria: {body: [x]}", "8:5: {q}.filter_criteria: expected a list, not a mapping"),
    ("filter_criteria: [3]", "8:23: {q}.filter_criteria[0]: a pattern is an object, or the JSON text of one"),
    ("filter_criteria: ['[1]']", "8:23: {q}.filter_criteria[0]: a pattern is an object, or the JSON text of one"),
    (
        "filter_criteria: ['{']",
        "8:23: {q}.filter_criteria[0]: this text is not JSON; write the pattern as an object, or as its JSON text",
    ),
    (
        "filter_criteria: [{Pattern: '{}'}]",
        "8:23: {q}.filter_criteria[0]: this is AWS's {{Pattern: ...}} around the pattern; write the pattern itself",
    ),
    (
        "filter_criteria: [{body: [no]}]",
        "8:31: {q}.filter_criteria[0].body[0]: the text 'no' is a truth value to some readers of YAML and a text to others; put it in quotes if it is a text",
    ),
    ("filter_criteria: [{body: [.nan]}]", "8:31: {q}.filter_criteria[0].body[0]: JSON has no such number"),
    (
        f"filter_criteria: [{{body: [{'x' * 4085}]}}]",
        "8:23: {q}.filter_criteria[0]: this pattern has 4098 characters; 4096 are allowed",
    ),
    (f"filter_criteria: [{', '.join(['{}'] * 11)}]", "8:5: {q}.filter_criteria: 11 patterns; at most 10 are allowed"),
]


@pytest.mark.parametrize(("line", "complaint"), MAPPINGS)
def test_a_bad_option_of_a_mapping(write: Write, line: str, complaint: str) -> None:
    expected = complaint.format(q="event_source_mappings.q")
    assert complaints(write(f"{MAPPING}    {line}\n")) == [f"pollerd.yaml:{expected}"]


FUNCTION_NAMES = [
    ("ordres", "there is no function 'ordres'; did you mean orders?"),
    ("orders:lvie", "orders has no alias 'lvie'; did you mean live?"),
    ("orders:Beta", "orders has no alias 'Beta'; known are live"),
    ('"arn:aws:sqs:us-east-1:000000000000:orders"', "'arn:aws:sqs:us-east-1:000000000000:orders' is no function's name or ARN"),
    ('"111111111111:function:orders"', "the account of this ARN is not aws.account_id (000000000000); the name alone will do"),
    ('"arn:aws:lambda:eu-west-1:000000000000:function:orders"', "the region of this ARN is not aws.region (us-east-1); the name alone will do"),
    ('""', "'' is no function's name or ARN"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "complaint"), FUNCTION_NAMES)
def test_a_mapping_to_a_function_that_is_not_there(write: Write, name: str, complaint: str) -> None:
    text = MAPPING.replace("function: orders", f"function: {name}").replace("aws: {", "aws: {region: us-east-1, ")
    text = text.replace("app.handler}", "app.handler, aliases: {live: {version: 3}}}")
    assert complaints(write(text)) == [f"pollerd.yaml:7:5: event_source_mappings.q.function: {complaint}"]


SOURCES = [
    ("{queue: q}", "6:5: {s}.type: this key is required; known are queue, rusty, topic"),
    ("queue", "6:5: {s}: expected a mapping; write {{type: ..., and the options of that type}}"),
    ("{type: quue, queue: q}", "6:14: {s}.type: there is no source type 'quue'; did you mean queue?"),
    ("{type: [queue]}", "6:14: {s}.type: expected a text, not a list"),
    ("{type: rusty}", "6:14: {s}.type: source type 'rusty' needs a_client_that_is_not_installed; install pollerd[rusty]"),
    ("{type: queue}", "6:5: {s}.queue: this key is required"),
    ("{type: queue, Queue: q}", "6:27: {s}.Queue: unknown key; did you mean queue?"),
    ("{type: queue, queue: q, wait_seconds: 21}", "6:37: {s}.wait_seconds: 21.0 is out of range: 0 to 20"),
    ("{type: queue, queue: q, tags: {a: b}}", "6:44: {s}.tags.a: expected a whole number, not the text 'b'"),
    ("{type: queue, queue: q, mode: fats}", "6:37: {s}.mode: 'fats' is none of the choices; did you mean fast?"),
    ("{type: queue, queue: nowhere}", "6:27: {s}.queue: there is no queue 'nowhere'"),
    ("{type: queue, queue: q, endpoint_url: 'ftp://a'}", "6:37: {s}.endpoint_url: ftp is no way to a queue"),
    ("{type: queue, queue: q, profile: a, secret_access_key: hunter2}", "6:5: {s}: profile and keys exclude each other"),
    ("{type: topic, names: [1, true, x], anything: null}", "6:48: {s}.anything: null is no value; leave the key out to have its default"),
]  # fmt: skip


@pytest.mark.parametrize(("block", "complaint"), SOURCES)
def test_a_bad_source(write: Write, block: str, complaint: str) -> None:
    text = MAPPING.replace("source: {type: queue, queue: q}", f"source: {block}")
    expected = complaint.format(s="event_source_mappings.q.source")
    assert complaints(write(text)) == [f"pollerd.yaml:{expected}"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("stat: ./x", "1:1: stat: unknown key; did you mean state?"),
        ("concurrency: 0", "1:1: concurrency: 0 is out of range: 1 or more"),
        ("concurrency: '3'", "1:1: concurrency: expected a whole number, not the text '3'; write 3 without quotes"),
        ("log: {level: warn}", "1:7: log.level: 'warn' is none of the choices; did you mean warning?"),
        ("log: text", "1:1: log: expected a mapping of keys, not a single value"),
        ("functions:", "1:1: functions: null is no value; leave the key out to have its default"),
        ("functions: [orders]", "1:1: functions: expected a mapping, not a list"),
        ("functions: {orders: 3}", "1:13: functions.orders: expected a mapping of keys, not a single value"),
        ("http: {listen: '9870'}", "1:8: http.listen: expected address:port, like 127.0.0.1:9870, not '9870'"),
        (
            "http: {listen: '0.0.0.0:9870'}",
            (
                "1:8: http.listen: 0.0.0.0 can be reached from elsewhere, and nothing asks who comes; "
                "give http.keys, or http.tls with client_ca"
            ),
        ),
        ("http: {listen: 'example:80'}", "1:8: http.listen: 'example' is no IP address; write 127.0.0.1 or [::1]"),
        (
            "http: {keys: {a/b: {secret_access_key: 0123456789abcdef}}}",
            '1:15: http.keys."a/b": expected an access key id: 1 to 128 letters, digits, hyphens and underscores',
        ),
        (
            "http: {keys: {a: {secret_access_key: short}}}",
            "1:19: http.keys.a.secret_access_key: this value is not 16 to 128 characters without blanks",
        ),
        (
            "http: {tls: {certificate: none.pem, private_key: code/app.py}}",
            "1:14: http.tls.certificate: {here}/none.pem is no file that can be read",
        ),
        ("aws: {account_id: 12}", "1:7: aws.account_id: '12' is not twelve digits"),
        (
            "aws: {allow_aws: no}",
            "1:7: aws.allow_aws: expected true or false; the text 'no' is a truth value to some readers of YAML and a text to others; write false",
        ),
        ("state: ./code/app.py/x", "1:1: state: {here}/code/app.py is not a folder"),
        ('state: "a\\0b"', "1:1: state: a text holds neither U+0000 nor half a surrogate pair"),
        ('state: "a\\ud800b"', "1:1: state: a text holds neither U+0000 nor half a surrogate pair"),
        ("- functions", "1:1: the top of a configuration is a mapping of keys"),
        ("3", "1:1: the top of a configuration is a mapping of keys"),
        ("state: [", "2:1: not valid YAML: expected the node content, but found '<stream end>'"),
        ("aws: {secret_access_key: *hunter2}", "1:26: not valid YAML: found undefined alias"),
        ("state: ./a\nstate: ./b", "2:1: state: this key stands twice, first in line 1"),
        ("log: " + "[" * 60 + "]" * 60, " nested more than 50 levels deep"),
        ("log: " + "[" * 5000 + "]" * 5000, " nested more than 50 levels deep"),
    ],
)
def test_a_bad_line_at_the_top(write: Write, line: str, complaint: str) -> None:
    assert complaints(write(f"{line}\n")) == [f"pollerd.yaml:{complaint.format(here=Path.cwd())}"]


def test_problems_come_all_at_once_in_the_order_of_the_file(write: Write) -> None:
    text = """\
    stat: ./x
    log: {level: loud}
    functions:
      orders: {code: ./nowhere, runtime: pyhton3.11, handler: app.handler, timeout_secs: 3}
      "a b": {code: ./code, runtime: python3.11, handler: app.handler}
    event_source_mappings:
      q: {source: {type: queue, queue: nowhere}, function: ordres, batch_size: many}
      r: {function: orders}
    """
    assert complaints(write(textwrap.dedent(text))) == [
        "pollerd.yaml:1:1: stat: unknown key; did you mean state?",
        "pollerd.yaml:2:7: log.level: 'loud' is none of the choices; known are debug, error, info, warning",
        f"pollerd.yaml:4:12: functions.orders.code: there is no {Path.cwd()}/nowhere",
        "pollerd.yaml:4:29: functions.orders.runtime: 'pyhton3.11' is no runtime that AWS offers; did you mean python3.11?",
        "pollerd.yaml:4:72: functions.orders.timeout_secs: unknown key; did you mean timeout_seconds?",
        'pollerd.yaml:5:3: functions."a b": expected a name: 1 to 64 letters, digits, hyphens and underscores',
        "pollerd.yaml:7:29: event_source_mappings.q.source.queue: there is no queue 'nowhere'",
        "pollerd.yaml:7:46: event_source_mappings.q.function: there is no function 'ordres'; did you mean orders?",
        "pollerd.yaml:7:64: event_source_mappings.q.batch_size: expected a whole number, not the text 'many'",
        "pollerd.yaml:8:3: event_source_mappings.r.source: this key is required",
    ]


def test_a_mistyped_key_is_one_problem_not_a_missing_one_as_well(write: Write) -> None:
    assert complaints(write(SOUND.replace("handler:", "Handler:"))) == [
        "pollerd.yaml:3:47: functions.orders.Handler: unknown key; did you mean handler?"
    ]


def test_a_mistyped_key_is_not_blamed_on_the_keys_that_go_with_it(write: Write) -> None:
    lines = "    batch_size: 100\n    maximum_batching_window: 1\n"
    assert complaints(write(MAPPING + lines)) == [
        (
            "pollerd.yaml:9:5: event_source_mappings.q.maximum_batching_window: unknown key; "
            "did you mean maximum_batching_window_seconds?"
        )
    ]


def test_functions_that_cannot_be_read_are_not_missed_by_mappings(write: Write) -> None:
    text = SOUND.replace("functions:\n  orders: {", "functions: [1]\nx: {y: {").replace("app.handler}", "app.handler}}")
    assert [line.split(": ")[1] for line in complaints(write(text))] == ["functions", "x"]


CAPABILITIES = [
    ("q.fifo", {"batch_size": 11}, "batch_size: this source takes at most 10, not 11"),
    (
        "q.fifo",
        {"maximum_batching_window_seconds": 1},
        "maximum_batching_window_seconds: this source takes no batching window; leave the key out",
    ),
    (
        "q",
        {"batch_size": 10_000, "maximum_batching_window_seconds": 0.9},
        "batch_size: 10000 needs maximum_batching_window_seconds of 1 or more: one fetch returns at most 10",
    ),
]


@pytest.mark.parametrize(("queue", "options", "complaint"), CAPABILITIES)
def test_a_mapping_asks_no_more_than_its_source_can_do(
    write: Write, queue: str, options: dict[str, float], complaint: str
) -> None:
    mappings = {"q": {"source": {"type": "queue", "queue": queue}, "function": "orders", **options}}
    text = json.dumps(document(event_source_mappings=mappings))
    assert complaints(write(text, "pollerd.json")) == [
        f"pollerd.json:1:{text.index(complaint.partition(':')[0])}: event_source_mappings.q.{complaint}"
    ]


def test_a_source_that_takes_no_single_records_back_refuses_partial_responses(write: Write) -> None:
    options = {
        "source": {"type": "topic"},
        "function": "orders",
        "function_response_types": ["ReportBatchItemFailures"],
    }
    [complaint] = complaints(write(json.dumps(document(event_source_mappings={"t": options})), "pollerd.json"))
    assert complaint.endswith(
        "event_source_mappings.t.function_response_types: this source cannot take back single records; leave the key out"
    )


@pytest.mark.parametrize(
    ("reserved", "complaint"),
    [
        (
            (6, 5),
            "functions.b.reserved_concurrency: reserved for all functions together: 11, more than concurrency (10)",
        ),
        (
            (10, None),
            "functions.a.reserved_concurrency: all of concurrency (10) is reserved, and nothing is left for b; leave at least 1",
        ),
    ],
)
def test_functions_reserve_no_more_than_there_is(
    write: Write, reserved: tuple[int, int | None], complaint: str
) -> None:
    function = {"code": "code", "runtime": "python3.11", "handler": "app.handler"}
    given = [{} if share is None else {"reserved_concurrency": share} for share in reserved]
    functions = {name: function | share for name, share in zip("ab", given, strict=True)}
    text = json.dumps({"concurrency": 10, "functions": functions})
    assert [line.split(": ", 1)[1] for line in complaints(write(text, "pollerd.json"))] == [complaint]


@pytest.mark.parametrize("reserved", [(6, 4), (9, None), (0, None), (None, None)])
def test_functions_may_reserve_what_there_is_but_one(write: Write, reserved: tuple[int | None, int | None]) -> None:
    function = {"code": "code", "runtime": "python3.11", "handler": "app.handler"}
    given = [{} if share is None else {"reserved_concurrency": share} for share in reserved]
    functions = {name: function | share for name, share in zip("ab", given, strict=True)}
    load(write(json.dumps({"concurrency": 10, "functions": functions}), "pollerd.json"))


@pytest.mark.parametrize(
    ("a", "b", "complaint"),
    [
        (
            {"reserved_concurrency": 2, "provisioned_concurrency": 3},
            {},
            (
                "functions.a.provisioned_concurrency: Requested Provisioned Concurrency should not be greater than the"
                " reservedConcurrentExecution for function; at most 2, not 3"
            ),
        ),
        (
            {"provisioned_concurrency": 3},
            {"provisioned_concurrency": 8},
            (
                "functions.b.provisioned_concurrency: Specified ConcurrentExecutions for function is greater than account's"
                " unreserved concurrency [10].; provisioned for functions without reserved_concurrency together: 11"
            ),
        ),
        (
            {"reserved_concurrency": 4},
            {"provisioned_concurrency": 7},
            (
                "functions.b.provisioned_concurrency: Specified ConcurrentExecutions for function is greater than account's"
                " unreserved concurrency [6].; provisioned for functions without reserved_concurrency together: 7"
            ),
        ),
        (
            {},
            {"provisioned_concurrency": 10},
            (
                "functions.b.provisioned_concurrency: all of the unreserved concurrency (10) is provisioned, and nothing is"
                " left for a; leave at least 1"
            ),
        ),
    ],
)
def test_functions_provision_no_more_than_they_may_run(
    write: Write, a: dict[str, int], b: dict[str, int], complaint: str
) -> None:
    function = {"code": "code", "runtime": "python3.11", "handler": "app.handler"}
    text = json.dumps({"concurrency": 10, "functions": {"a": function | a, "b": function | b}})
    assert [line.split(": ", 1)[1] for line in complaints(write(text, "pollerd.json"))] == [complaint]


def test_functions_may_provision_all_that_they_may_run(write: Write) -> None:
    function = {"code": "code", "runtime": "python3.11", "handler": "app.handler"}
    a, b = {"reserved_concurrency": 4, "provisioned_concurrency": 4}, {"provisioned_concurrency": 6}
    load(write(json.dumps({"concurrency": 10, "functions": {"a": function | a, "b": function | b}}), "pollerd.json"))


def test_json_and_toml_have_no_doubt_about_types(write: Write) -> None:
    assert complaints(write('{"aws": {"account_id": 123456789012}}', "pollerd.json")) == [
        "pollerd.json:1:10: aws.account_id: expected a text, not the number 123456789012; put it in quotes"
    ]


def test_what_is_just_allowed_is_allowed(write: Write) -> None:
    largest = f"environment: {{AB: {'x' * 4087}}}"
    longest = f"{{body: [{'x' * 4083}]}}"
    text = MAPPING.replace("app.handler}", f"app.handler, {largest}}}")
    text += f"    filter_criteria: [{', '.join([longest] * 10)}]\n    batch_size: 10000\n    maximum_batching_window_seconds: 1\n"
    assert len(load(write(text)).event_source_mappings["q"].filter_criteria) == 10
