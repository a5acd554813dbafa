from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from connectors.aws import client as aws_client
from connectors.aws.client import ANSWER_SECONDS, OPENING_AT_ONCE
from connectors.contract import (
    Identity,
    Missing,
    OptionsError,
    Outcome,
    Record,
    Refused,
    Settlement,
    SourceError,
    Throttled,
    Unreachable,
)
from connectors.sqs.source import SqsOptions, SqsSource

URL = "http://of-the-server:1/000000000000/orders"


def error(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "x")


class FakeClient:
    """An SQS that answers what a test tells it to; by default, that all is well and the queue is empty.

    answer: called with verb and parameters before the default; returns None to leave it to that, or raises.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.answer: Callable[[str, dict[str, Any]], Any] = lambda _verb, _parameters: None
        self.seconds = 0.0
        self.users = 0

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        async def call(**parameters: Any) -> Any:
            self.calls.append((verb, parameters))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                await asyncio.sleep(self.seconds)
                return self.answer(verb, parameters) or self.defaults(verb, parameters)
            finally:
                self.at_once -= 1

        return call

    def defaults(self, verb: str, parameters: dict[str, Any]) -> Any:
        match verb:
            case "get_queue_url":
                return {"QueueUrl": URL}
            case "get_queue_attributes":
                arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
                return {"Attributes": {"QueueArn": arn, "VisibilityTimeout": "45", "ApproximateNumberOfMessages": "7"}}
            case "receive_message":
                return {}
            case _:
                return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]}

    def of(self, verb: str) -> list[dict[str, Any]]:
        return [parameters for called, parameters in self.calls if called == verb]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()

    async def acquire(_target: object) -> FakeClient:
        fake.users += 1
        return fake

    async def release(_target: object) -> None:
        fake.users -= 1

    monkeypatch.setattr(aws_client, "acquire", acquire)
    monkeypatch.setattr(aws_client, "release", release)
    line = asyncio.Semaphore(OPENING_AT_ONCE)
    monkeypatch.setattr(aws_client, "opening", lambda _target: line)
    return fake


def sqs(queue: str = "orders", **options: Any) -> SqsSource:
    return SqsSource(SqsOptions(queue=queue, endpoint_url="http://127.0.0.1:4566", **options))


async def opened(queue: str = "orders") -> SqsSource:
    source = sqs(queue)
    await source.open()
    return source


def message(n: int = 0, **attributes: str) -> dict[str, Any]:
    return {"MessageId": f"id {n}", "Body": f"body {n}", "ReceiptHandle": f"handle {n}", "Attributes": attributes}


def records(count: int) -> list[Record]:
    return [Record(id=f"id {n}", body="", handle=f"handle {n}") for n in range(count)]


def told(count: int, outcome: Outcome = Outcome.DELIVERED) -> list[Settlement]:
    return [Settlement(record, outcome) for record in records(count)]


def failing(code: str, *, sender: bool, entry: str = "0") -> Callable[[str, dict[str, Any]], Any]:
    failed = {"Id": entry, "Code": code, "SenderFault": sender, "Message": "words"}
    return lambda _verb, _parameters: {"Successful": [], "Failed": [failed]}


def test_a_fifo_queue_is_known_by_its_name() -> None:
    fifo, standard = sqs("orders.fifo").capabilities, sqs("orders").capabilities
    assert (fifo.ordered, fifo.max_batch_size, fifo.batching_window) == (True, 10, False)
    assert (standard.ordered, standard.max_batch_size, standard.batching_window) == (False, 10_000, True)
    assert {(c.envelope, c.max_fetch, c.default_batch_size, c.item_failures) for c in (fifo, standard)} == {
        ("sqs", 10, 10, True)
    }
    assert standard.parallel_fetches == 1250


def test_options_that_can_never_work_are_refused_without_asking_anybody() -> None:
    with pytest.raises(OptionsError, match="cannot be the name of a queue"):
        sqs("two words")
    with pytest.raises(OptionsError, match="real AWS"):
        SqsSource(SqsOptions(queue="https://sqs.us-east-1.amazonaws.com/123456789012/orders"))
    with pytest.raises(OptionsError, match="region: eu-west-1"):
        sqs("arn:aws:sqs:eu-west-1:123456789012:orders", region="us-east-1")


async def test_a_name_is_looked_up_and_the_identity_comes_from_the_server(client: FakeClient) -> None:
    assert await sqs().open() == Identity(
        arn="arn:aws:sqs:eu-west-1:123456789012:orders",
        region="eu-west-1",
        label="account 123456789012, region eu-west-1, queue orders, at http://127.0.0.1:4566",
        lease_seconds=45.0,
    )
    assert client.of("get_queue_url") == [{"QueueName": "orders"}]
    assert client.of("get_queue_attributes")[0]["QueueUrl"] == URL


async def test_an_arn_is_looked_up_in_its_account(client: FakeClient) -> None:
    await sqs("arn:aws:sqs:eu-west-1:123456789012:orders").open()
    assert client.of("get_queue_url") == [{"QueueName": "orders", "QueueOwnerAWSAccountId": "123456789012"}]


async def test_a_url_is_taken_as_it_is(client: FakeClient) -> None:
    await sqs("http://elsewhere:1/000000000000/orders").open()
    assert client.of("get_queue_url") == []
    assert client.of("get_queue_attributes")[0]["QueueUrl"] == "http://elsewhere:1/000000000000/orders"


async def test_a_receive_asks_for_all_attributes_and_rounds_to_what_sqs_takes(client: FakeClient) -> None:
    source = await opened()
    for room, wait in [(3, 0.9), (1000, 300), (10, 5.5)]:
        await source.fetch(room, wait)
    asked = client.of("receive_message")
    assert [(call["MaxNumberOfMessages"], call["WaitTimeSeconds"]) for call in asked] == [(3, 0), (10, 20), (10, 5)]
    assert asked[0] == {
        "QueueUrl": URL,
        "MaxNumberOfMessages": 3,
        "WaitTimeSeconds": 0,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }


async def test_without_room_nothing_is_received(client: FakeClient) -> None:
    assert await (await opened()).fetch(0, 20) == []
    assert client.of("receive_message") == []


async def test_a_message_becomes_a_record(client: FakeClient) -> None:
    received = message(1, ApproximateReceiveCount="3", MessageGroupId="group")
    client.answer = lambda verb, _parameters: {"Messages": [received]} if verb == "receive_message" else None
    for queue, lane in [("orders", None), ("orders.fifo", "group")]:
        (record,) = await (await opened(queue)).fetch(10, 0)
        assert (record.id, record.body, record.handle) == ("id 1", "body 1", "handle 1")
        assert (record.receive_count, record.lane) == (3, lane)
        assert record.metadata == received


async def test_records_are_deleted_in_tens_and_some_tens_at_once(client: FakeClient) -> None:
    source = await opened()
    client.seconds = 1
    assert await source.settle(told(205)) == []
    calls = client.of("delete_message_batch")
    assert sorted(len(call["Entries"]) for call in calls) == [5] + [10] * 20
    handles = [entry["ReceiptHandle"] for call in calls for entry in call["Entries"]]
    assert sorted(handles) == sorted(record.handle for record in records(205))
    assert client.most_at_once == 8


async def test_outcomes_become_deletes_and_releases_and_nothing(client: FakeClient) -> None:
    source = await opened()
    outcomes = [Outcome.DELIVERED, Outcome.RETRY, Outcome.RELEASED, Outcome.FILTERED]
    await source.settle([Settlement(record, o) for record, o in zip(records(4), outcomes, strict=True)])
    (deletes,), (releases,) = client.of("delete_message_batch"), client.of("change_message_visibility_batch")
    assert [entry["ReceiptHandle"] for entry in deletes["Entries"]] == ["handle 0", "handle 3"]
    assert [(e["ReceiptHandle"], e["VisibilityTimeout"]) for e in releases["Entries"]] == [("handle 2", 0)]


async def test_what_failed_is_left_to_the_queue(client: FakeClient) -> None:
    source = await opened()
    before = len(client.calls)
    assert await source.settle(told(3, Outcome.RETRY)) == []
    assert len(client.calls) == before


async def test_a_fifo_queue_is_told_one_request_after_the_other(client: FakeClient) -> None:
    source = await opened("orders.fifo")
    client.seconds = 1
    await source.settle(told(35, Outcome.RELEASED))
    assert client.most_at_once == 1
    handles = [e["ReceiptHandle"] for call in client.of("change_message_visibility_batch") for e in call["Entries"]]
    assert handles == [record.handle for record in records(35)]


@pytest.mark.parametrize(
    ("code", "sender", "retry"),
    [
        ("ReceiptHandleIsInvalid", True, False),
        ("InvalidParameterValue", True, False),
        ("AWS.SimpleQueueService.MessageNotInflight", False, False),
        ("InternalError", False, True),
        ("RequestThrottled", True, True),
        ("SomethingElse", True, False),
    ],
)
async def test_an_entry_that_failed_is_final_or_not(client: FakeClient, code: str, sender: bool, retry: bool) -> None:
    source = await opened()
    client.answer = failing(code, sender=sender, entry="1")
    settlements = told(3)
    (unsettled,) = await source.settle(settlements)
    assert unsettled.settlement is settlements[1]
    assert unsettled.retry is retry
    assert unsettled.reason == f"{code.rpartition('.')[2]}: words"


async def test_when_no_request_was_taken_the_reason_is_raised(client: FakeClient) -> None:
    source = await opened()

    def refuse(_verb: str, _parameters: dict[str, Any]) -> Any:
        raise error("RequestThrottled", 403)

    client.answer = refuse
    with pytest.raises(Throttled):
        await source.settle(told(25))


async def test_when_some_requests_were_taken_the_others_are_to_be_told_again(client: FakeClient) -> None:
    source = await opened()

    def refuse(_verb: str, parameters: dict[str, Any]) -> Any:
        if any(entry["ReceiptHandle"] == "handle 12" for entry in parameters["Entries"]):
            raise error("ServiceUnavailable", 503)

    client.answer = refuse
    settlements = told(25)
    unsettled = await source.settle(settlements)
    assert {u.settlement for u in unsettled} == set(settlements[10:20])
    assert {u.retry for u in unsettled} == {True}


async def test_a_request_that_is_wrong_in_itself_is_not_told_for_ever(client: FakeClient) -> None:
    source = await opened()

    def refuse(_verb: str, _parameters: dict[str, Any]) -> Any:
        raise error("UnsupportedOperation")

    client.answer = refuse
    assert [unsettled.retry for unsettled in await source.settle(told(2))] == [False, False]


async def test_leases_are_extended_in_whole_seconds_and_never_past_twelve_hours(client: FakeClient) -> None:
    source = await opened()
    for seconds in (0.2, 30, 10**6):
        assert await source.extend(records(1), seconds) == []
    calls = client.of("change_message_visibility_batch")
    assert [call["Entries"][0]["VisibilityTimeout"] for call in calls] == [1, 30, 43200]


async def test_a_lease_that_cannot_be_extended_is_lost_or_worth_another_try(client: FakeClient) -> None:
    source = await opened()
    client.answer = failing("InvalidParameterValue", sender=True, entry="2")
    held = records(3)
    assert await source.extend(held, 30) == [held[2]]
    client.answer = failing("InternalError", sender=False)
    with pytest.raises(SourceError):
        await source.extend(held, 30)


async def test_the_backlog_is_what_the_queue_says(client: FakeClient) -> None:
    assert await (await opened()).backlog() == 7


async def test_an_answer_that_never_comes_is_given_up(client: FakeClient) -> None:
    source = await opened()
    client.seconds = 3600
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable, match="did not answer in time"):
        await source.fetch(10, 20)
    assert asyncio.get_running_loop().time() - began == pytest.approx(20 + ANSWER_SECONDS)


async def test_a_source_that_cannot_be_opened_holds_no_client(client: FakeClient) -> None:
    def refuse(_verb: str, _parameters: dict[str, Any]) -> Any:
        raise error("AWS.SimpleQueueService.NonExistentQueue")

    client.answer = refuse
    source = sqs()
    with pytest.raises(Missing, match="has no queue orders in us-east-1"):
        await source.open()
    assert client.users == 0
    await source.close()
    assert client.users == 0


async def test_many_that_open_together_form_a_line(client: FakeClient) -> None:
    sources = [sqs(f"orders-{n}") for n in range(100)]
    await asyncio.gather(*(source.open() for source in sources))
    assert client.most_at_once == OPENING_AT_ONCE
    assert len(client.of("get_queue_attributes")) == 100


async def test_the_line_of_those_that_open_holds_nobody_back_who_works(client: FakeClient) -> None:
    working = await opened()
    client.seconds = 3600.0
    others = [asyncio.ensure_future(sqs(f"orders-{n}").open()) for n in range(100)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.seconds = 0.0
    assert await working.fetch(10, 0) == []
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await working.close()
    assert client.users == 0


async def test_a_source_opened_twice_holds_one_client(client: FakeClient) -> None:
    source = await opened()
    await source.open()
    assert client.users == 1
    await source.close()
    assert client.users == 0


async def test_credentials_that_cannot_be_read_are_an_error_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    async def acquire(_target: object) -> Any:
        raise OSError("credential process failed")

    monkeypatch.setattr(aws_client, "acquire", acquire)
    with pytest.raises(SourceError, match="credential process failed"):
        await sqs().open()


async def test_a_server_that_answers_something_else_is_told_apart(client: FakeClient) -> None:
    client.answer = lambda _verb, _parameters: {"hello": "world"}
    with pytest.raises(SourceError, match="does not speak SQS"):
        await sqs().open()


async def test_a_client_that_fails_in_any_other_way_raises_an_error_of_the_contract(client: FakeClient) -> None:
    source = await opened()

    def fail(_verb: str, _parameters: dict[str, Any]) -> Any:
        raise AttributeError("'list' object has no attribute 'get'")

    client.answer = fail
    with pytest.raises(SourceError) as raised:
        await source.fetch(1, 0)
    assert isinstance(raised.value.__cause__, AttributeError)


async def test_no_permission_is_refused_with_the_servers_words(client: FakeClient) -> None:
    source = await opened()

    def refuse(_verb: str, _parameters: dict[str, Any]) -> Any:
        raise error("AccessDenied", 403)

    client.answer = refuse
    with pytest.raises(Refused, match=r"denies access to queue orders in us-east-1 \(AccessDenied: words\)"):
        await source.fetch(1, 0)


def attempts(client: FakeClient) -> list[tuple[str, int]]:
    return [(call["ReceiveRequestAttemptId"], call["MaxNumberOfMessages"]) for call in client.of("receive_message")]


async def test_a_receive_on_a_fifo_queue_whose_answer_was_lost_is_repeated_as_the_same(client: FakeClient) -> None:
    source = await opened("orders.fifo")
    client.seconds = 3600
    with pytest.raises(Unreachable):
        await source.fetch(5, 0)
    client.seconds = 0
    await source.fetch(10, 0)
    await source.fetch(10, 0)
    lost, again, new = attempts(client)
    assert again == lost
    assert new[0] != lost[0]
    assert new[1] == 10


async def test_a_cancelled_receive_is_repeated_as_the_same_too(client: FakeClient) -> None:
    source = await opened("orders.fifo")
    client.seconds = 3600
    fetching = asyncio.create_task(source.fetch(5, 20))
    await asyncio.sleep(1)
    fetching.cancel()
    await asyncio.wait([fetching])
    client.seconds = 0
    await source.fetch(5, 0)
    first, second = attempts(client)
    assert first == second


async def test_a_repeated_receive_never_brings_more_than_there_is_room_for(client: FakeClient) -> None:
    source = await opened("orders.fifo")
    client.seconds = 3600
    with pytest.raises(Unreachable):
        await source.fetch(10, 0)
    client.seconds = 0
    await source.fetch(3, 0)
    await source.fetch(10, 0)
    lost, small, again = attempts(client)
    assert small[0] != lost[0]
    assert small[1] == 3
    assert again == lost


async def test_a_refused_receive_is_not_repeated_as_the_same(client: FakeClient) -> None:
    source = await opened("orders.fifo")

    def refuse(verb: str, _parameters: dict[str, Any]) -> Any:
        if verb == "receive_message":
            raise error("RequestThrottled", 403)

    client.answer = refuse
    for _ in range(2):
        with pytest.raises(Throttled):
            await source.fetch(10, 0)
    first, second = attempts(client)
    assert first[0] != second[0]


async def test_a_standard_queue_knows_no_attempts(client: FakeClient) -> None:
    await (await opened()).fetch(10, 0)
    assert "ReceiveRequestAttemptId" not in client.of("receive_message")[0]
