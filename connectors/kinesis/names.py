"""What a stream of Kinesis and a consumer of it may be called in the options. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.aws.arn import parse_arn
from connectors.contract import OptionsError

FORM = "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"
CONSUMER_FORM = f"{FORM}/consumer/CONSUMER:TIMESTAMP"
CONSUMER = "/consumer/"


@dataclass(frozen=True)
class StreamName:
    """What a stream was called. arn, region: "" for a name."""

    name: str
    arn: str = ""
    region: str = ""

    @property
    def request(self) -> dict[str, str]:
        """How requests say which stream."""
        return {"StreamARN": self.arn} if self.arn else {"StreamName": self.name}


@dataclass(frozen=True)
class ConsumerName:
    """What a consumer with enhanced fan-out was called. arn: "" for a name."""

    name: str
    arn: str = ""


def parse_stream(text: str) -> StreamName:
    """Read a stream's name or ARN; of a consumer's ARN the stream. Raises ``OptionsError``."""
    if not text.startswith("arn:"):
        return StreamName(_checked("stream", text, "a stream"))
    arn = parse_arn(text, "kinesis", option="stream", what="a Kinesis stream", form=FORM)
    kind, _, rest = arn.resource.partition("/")
    if kind != "stream":
        raise OptionsError("stream", f"{text!r} is not the ARN of a Kinesis stream: {FORM}")
    name = _checked("stream", rest.partition(CONSUMER)[0], "a stream")
    return StreamName(name, arn=text.partition(CONSUMER)[0], region=arn.region)


def parse_consumer(consumer: str, stream: str) -> ConsumerName | None:
    """Read a consumer's name or ARN, also where it stands in the stream's place; None: there is none. Raises ``OptionsError``."""
    if not consumer:
        return _of_arn("stream", stream) if CONSUMER in stream else None
    if CONSUMER in stream and stream != consumer:
        raise OptionsError("consumer", f"the stream is a consumer's ARN already, {stream}: leave one of the two out")
    if not consumer.startswith("arn:"):
        return ConsumerName(_checked("consumer", consumer, "a consumer"))
    found, of = parse_stream(stream), parse_stream(consumer)
    if (found.name, found.arn or of.arn) != (of.name, of.arn):
        raise OptionsError("consumer", f"{consumer} is a consumer of another stream than {stream}")
    return _of_arn("consumer", consumer)


def _of_arn(option: str, text: str) -> ConsumerName:
    name = text.partition(CONSUMER)[2].partition(":")[0]
    if not name:
        raise OptionsError(option, f"{text!r} is not the ARN of a consumer: {CONSUMER_FORM}")
    return ConsumerName(_checked(option, name, "a consumer"), arn=text)


def _checked(option: str, name: str, what: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name):
        wanted = "1 to 128 letters, digits, hyphens, underscores and dots"
        raise OptionsError(option, f"{name!r} cannot be the name of {what}: {wanted}")
    return name
