"""What a consumer may be called, and what stands in the way."""

from __future__ import annotations

import pytest

from connectors.contract import OptionsError
from connectors.kinesis.names import ConsumerName, StreamName, parse_consumer, parse_stream

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
CONSUMER = f"{ARN}/consumer/mine:1700000000"


def test_the_arn_of_a_consumer_names_its_stream_too() -> None:
    assert parse_stream(CONSUMER) == StreamName("clicks", ARN, "eu-west-1")


@pytest.mark.parametrize(
    ("consumer", "stream", "found"),
    [
        ("", "clicks", None),
        ("", ARN, None),
        ("", CONSUMER, ConsumerName("mine", CONSUMER)),
        ("mine", "clicks", ConsumerName("mine")),
        ("mine", ARN, ConsumerName("mine")),
        (CONSUMER, "clicks", ConsumerName("mine", CONSUMER)),
        (CONSUMER, ARN, ConsumerName("mine", CONSUMER)),
        (CONSUMER, CONSUMER, ConsumerName("mine", CONSUMER)),
        (f"{ARN}/consumer/mine", ARN, ConsumerName("mine", f"{ARN}/consumer/mine")),  # moto's have no moment
    ],
)
def test_a_consumer_is_called_by_name_or_arn(consumer: str, stream: str, found: ConsumerName | None) -> None:
    assert parse_consumer(consumer, stream) == found


@pytest.mark.parametrize(
    ("consumer", "stream", "option", "message"),
    [
        ("no spaces", "clicks", "consumer", "'no spaces' cannot be the name of a consumer"),
        ("mine", CONSUMER, "consumer", f"the stream is a consumer's ARN already, {CONSUMER}: leave one of the two out"),
        (CONSUMER, "other", "consumer", "is a consumer of another stream than other"),
        (CONSUMER, ARN.replace("eu-west-1", "us-east-1"), "consumer", "is a consumer of another stream than arn:"),
        (
            ARN,
            "clicks",
            "consumer",
            f"'{ARN}' is not the ARN of a consumer: arn:aws:kinesis:REGION:ACCOUNT:stream/NAME/con",
        ),
        ("", f"{ARN}/consumer/", "stream", "is not the ARN of a consumer"),
    ],
)
def test_what_can_never_be_a_consumer_is_refused(consumer: str, stream: str, option: str, message: str) -> None:
    with pytest.raises(OptionsError) as raised:
        parse_consumer(consumer, stream)
    assert raised.value.field == option
    assert message in str(raised.value)
