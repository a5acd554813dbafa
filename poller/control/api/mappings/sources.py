"""Where a mapping reads from: AWS's members beside ``source:`` blocks. Pure.

Queues and streams of AWS have their ARNs, a Kafka of one's own its members. Every other source, which AWS does not know, has an ARN of
ours: ``arn:pollerd:TYPE:REGION:ACCOUNT:OPTION=VALUE&OPTION=VALUE``, the options as in a source block, written as in a URL's query, values
that are no text as JSON. Secrets have no place in a name, so sources that need some stand in a configuration file.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from connectors import registry
from poller.control.api.refusals import invalid
from poller.settings.model import AccountSettings, SourceSettings

OURS = "arn:pollerd:"
_PARTS = 6
_NETWORK = {"VPC_SUBNET", "VPC_SECURITY_GROUP"}


def block(params: Mapping[str, Any]) -> dict[str, Any]:
    """The source block that a request asks for. Raises ApiError."""
    arn = params.get("EventSourceArn") or ""
    _refuse_secrets(params)
    if not arn:
        return _kafka(params)
    if arn.startswith(OURS):
        return _ours(arn)
    service, resource = _split(arn)
    if service == "sqs":
        return {"type": "sqs", "queue": arn}
    if service == "kinesis" and resource.startswith("stream/"):
        return {"type": "kinesis", "stream": arn}
    if service == "dynamodb" and "/stream/" in resource:
        return {"type": "dynamodb-streams", "stream": arn}
    if service in {"kafka", "mq", "rds", "docdb"}:
        raise invalid(
            f"pollerd does not ask AWS how to reach {arn}: name a Kafka cluster's servers in SelfManagedEventSource, or "
            "any other source in a configuration file"
        )
    raise invalid("Unrecognized event source.")


def members(source: SourceSettings, account: AccountSettings, region: str) -> dict[str, Any]:
    """What AWS shows of a source block."""
    options = source.options
    if source.type == "kafka" and not options.cluster_arn:
        return {
            "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": list(options.bootstrap_servers)}},
            "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": options.consumer_group_id},
            "Topics": [options.topic],
            "SourceAccessConfigurations": [],
        }
    return {"EventSourceArn": _arn(source, account, region)}


def _arn(source: SourceSettings, account: AccountSettings, region: str) -> str:
    options = source.options
    where = f"{region}:{account.account_id}"
    if source.type == "sqs":
        name = str(options.queue)
        return name if name.startswith("arn:") else f"arn:aws:sqs:{where}:{name.rpartition('/')[2]}"
    if source.type == "kinesis":
        name = next((name for name in (options.consumer, options.stream) if name.startswith("arn:")), options.stream)
        return name if name.startswith("arn:") else f"arn:aws:kinesis:{where}:stream/{name}"
    if source.type == "dynamodb-streams" and options.stream:
        return str(options.stream)
    if source.type == "kafka":
        return str(options.cluster_arn)
    given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if not field.metadata.get("secret") and getattr(options, field.name) != field.default
    }
    written = "&".join(f"{name}={quote(_text(value), safe='')}" for name, value in given.items())
    return f"{OURS}{source.type}:{where}:{written}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value)  # type: ignore[arg-type]  # an instance


def _ours(arn: str) -> dict[str, Any]:
    parts = arn.split(":", _PARTS - 1)
    if len(parts) != _PARTS or (parts[2] not in registry.BUILT_IN and parts[2] not in registry.names()):
        known = ", ".join(registry.names())
        raise invalid(
            f"{arn} is no source: arn:pollerd:TYPE:REGION:ACCOUNT:OPTION=VALUE&..., TYPE being one of {known}"
        )
    return {"type": parts[2], **{name: _value(text) for name, text in parse_qsl(parts[5], keep_blank_values=True)}}


def _value(text: str) -> Any:
    """JSON where it is some, and not a text already."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, str) else value


def _kafka(params: Mapping[str, Any]) -> dict[str, Any]:
    servers = ((params.get("SelfManagedEventSource") or {}).get("Endpoints") or {}).get("KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        raise invalid("Unrecognized event source.")
    if not params.get("Topics"):
        raise invalid("Required 'topics' parameter is missing.")
    config = params.get("SelfManagedKafkaEventSourceConfig") or {}
    if config.get("ConsumptionMode", "Stream") != "Stream":
        raise invalid("Unsupported 'ConsumptionMode' parameter for given event source mapping type")
    found: dict[str, Any] = {"type": "kafka", "bootstrap_servers": list(servers), "topic": params["Topics"][0]}
    if group := config.get("ConsumerGroupId"):
        found["consumer_group_id"] = group
    if registry_config := config.get("SchemaRegistryConfig"):
        found["schema_registry"] = _schema_registry(registry_config)
    return found


def _schema_registry(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("AccessConfigs"):
        raise invalid(
            "pollerd reads no secrets of AWS: a schema registry that asks for a login stands in a configuration file"
        )
    found: dict[str, Any] = {"url": config.get("SchemaRegistryURI", "")}
    if form := config.get("EventRecordFormat"):
        found["event_record_format"] = form
    if validated := config.get("SchemaValidationConfigs"):
        found["validate"] = [each.get("Attribute", "") for each in validated]
    return found


def _refuse_secrets(params: Mapping[str, Any]) -> None:
    for access in params.get("SourceAccessConfigurations") or ():
        if access.get("Type") not in _NETWORK:
            raise invalid(
                f"pollerd reads no secrets of AWS, and {access.get('Type')} needs one: let this mapping stand in a configuration file"
            )


def _split(arn: str) -> tuple[str, str]:
    parts = arn.split(":", _PARTS - 1)
    return (parts[2], parts[5]) if len(parts) == _PARTS else ("", "")
