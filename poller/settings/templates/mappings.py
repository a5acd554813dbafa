"""Events of SAM functions and AWS::Lambda::EventSourceMapping -> mappings as pollerd.yaml has them.

Sources: AWS SAM Developer Guide, EventSource; CloudFormation User Guide, AWS::Lambda::EventSourceMapping.
"""

from __future__ import annotations

from collections.abc import Mapping

from poller.settings.nodes import Entry, List, Node, Place, Scalar, Table
from poller.settings.templates.members import EFFECTLESS, Key, Reading, renamed
from poller.settings.templates.names import QUEUE, STREAM, TABLES
from poller.settings.templates.resolver import Unresolved
from poller.settings.templates.trees import items, made, member, text

KEYS: Mapping[str, Key] = {
    "BatchSize": Key("batch_size", int),
    "MaximumBatchingWindowInSeconds": Key("maximum_batching_window_seconds", int),
    "FunctionResponseTypes": Key("function_response_types"),
    "Enabled": Key("enabled", bool),
    "ParallelizationFactor": Key("parallelization_factor", int),
    "BisectBatchOnFunctionError": Key("bisect_batch_on_function_error", bool),
    "MaximumRetryAttempts": Key("maximum_retry_attempts", int),
    "MaximumRecordAgeInSeconds": Key("maximum_record_age_seconds", int),
    "TumblingWindowInSeconds": Key("tumbling_window_seconds", int),
    "StartingPosition": Key("starting_position"),
    "StartingPositionTimestamp": Key("starting_position_timestamp", int),
    "ScalingConfig": Key("", members={"MaximumConcurrency": Key("maximum_concurrency", int)}),
}
EFFECTLESS_PROPERTIES = frozenset(
    {"KmsKeyArn", "LoggingConfig", "MetricsConfig", "ProvisionedPollerConfig", "SecretsManagerKmsKeyId", "Tags"}
)
SERVED = {"SQS": "Queue", "Kinesis": "Stream", "DynamoDB": "Stream", "MSK": "Stream", "SelfManagedKafka": ""}
"""Types of SAM's events that are mappings here, with the property that names the source."""
_READ_APART = frozenset(
    {
        *("AmazonManagedKafkaEventSourceConfig", "ConsumerGroupId", "DestinationConfig", "EventSourceArn"),
        *("FilterCriteria", "FunctionName", "KafkaBootstrapServers", "Queue", "SelfManagedEventSource"),
        *("SelfManagedKafkaEventSourceConfig", "SourceAccessConfigurations", "Stream", "Topics"),
    }
)
_NETWORK = ("VPC_SUBNET", "VPC_SECURITY_GROUP")


def mapping(properties: Table, named_by: str, function: str, reading: Reading, own: Table) -> Table | None:
    """Return the keys of a mapping; None: its source is none that can be read here, which is told.

    named_by: the property with the source's ARN; "" for a self-managed cluster. own: what pollerd.yaml says of it.
    """
    apart = member(own, "source", "type") is not None
    source = Table(properties.place, {}) if apart else _source(_without(properties, own), named_by, reading)
    if source is None:
        return None
    if len(topics := items(member(_without(properties, own), "Topics"))) > 1:
        reading.refuse("source.topic", topics[1].place, f"a mapping reads one topic, and here are {len(topics)}")
    simple = {}
    for name, entry in properties.entries.items():
        if name in EFFECTLESS_PROPERTIES:
            reading.notice(entry.place, name, EFFECTLESS)
        elif name not in _READ_APART:
            simple[name] = entry
    place = properties.place
    entries = {"source": Entry(source.place, source), "function": Entry(place, Scalar(place, function))}
    entries |= renamed(Table(place, simple), KEYS, reading, own)
    filters = member(properties, "FilterCriteria", "Filters") if "filter_criteria" not in own.entries else None
    patterns = [reading.value("filter_criteria", each) for each in items(filters)]
    found = [pattern for each in patterns if each is not None if (pattern := member(each, "Pattern")) is not None]
    if filters is not None and found:
        entries["filter_criteria"] = Entry(filters.place, List(filters.place, found))
    destination = member(properties, "DestinationConfig", "OnFailure", "Destination")
    said = "destination_config" in own.entries
    value = reading.value("destination_config", destination) if destination is not None and not said else None
    if value is not None:
        on_failure = made(value.place, {"on_failure": made(value.place, {"destination": value})})
        entries["destination_config"] = Entry(value.place, on_failure)
    return Table(place, entries)


def _without(properties: Table, own: Table) -> Table:
    """The properties but for the topics, where the configuration names the topic itself: it is not looked at here then."""
    said = member(own, "source", "topic") is not None
    return Table(
        properties.place, {key: entry for key, entry in properties.entries.items() if not said or key != "Topics"}
    )


def _source(properties: Table, named_by: str, reading: Reading) -> Table | None:
    place = properties.place
    servers = member(properties, "KafkaBootstrapServers") or member(
        properties, "SelfManagedEventSource", "Endpoints", "KafkaBootstrapServers"
    )
    if servers is not None:
        value = reading.value("source", servers)
        return _kafka(properties, {} if value is None else {"bootstrap_servers": value}, reading)
    given = member(properties, named_by)
    if given is None:
        reading.notice(place, named_by or "KafkaBootstrapServers", "is missing, so nothing is read")
        return None
    try:
        node = reading.resolver.chosen(given)
        inside = _inside(node, reading) if node is not None else None
        if inside is not None or node is None:
            return inside
        arn = reading.resolver.text(node)
    except Unresolved as error:
        reading.refuse("source", error.place, str(error))
        return None
    return _at_arn(arn, node.place, properties, named_by, reading)


def _inside(node: Node, reading: Reading) -> Table | None:
    """The source, if it is a resource of the template: by its name, at the AWS that the configuration names."""
    target = reading.resolver.target(node)
    if target is None:
        return None
    kind = reading.resolver.kind(target[0])
    keys = {QUEUE: ("sqs", "queue"), STREAM: ("kinesis", "stream")} | dict.fromkeys(
        TABLES, ("dynamodb-streams", "table")
    )
    if kind not in keys:
        return None
    connector, key = keys[kind]
    name = Scalar(node.place, reading.resolver.name(target[0]))
    return made(node.place, {"type": Scalar(node.place, connector), key: name})


def _at_arn(arn: str, place: Place, properties: Table, named_by: str, reading: Reading) -> Table | None:
    service = (arn.split(":") + [""] * 3)[2] if arn.startswith("arn:") else ""
    keys = {"sqs": ("sqs", "queue"), "kinesis": ("kinesis", "stream"), "dynamodb": ("dynamodb-streams", "stream")}
    if service == "kafka":
        return _kafka(properties, {"cluster_arn": Scalar(place, arn)}, reading)
    if service not in keys:
        reading.notice(place, named_by, f"is not served: no source here reads {service or arn}")
        return None
    connector, key = keys[service]
    return made(place, {"type": Scalar(place, connector), key: Scalar(place, arn)})


def _kafka(properties: Table, source: dict[str, Node], reading: Reading) -> Table:
    """Brokers of an MSK cluster, and what it takes to log in, are in no template: the mapping in pollerd.yaml says them."""
    place = properties.place
    source = {"type": Scalar(place, "kafka"), **source}
    for topic in items(member(properties, "Topics"))[:1]:
        if (value := reading.value("source", topic)) is not None:
            source["topic"] = value
    for group in (
        member(properties, "ConsumerGroupId"),
        member(properties, "AmazonManagedKafkaEventSourceConfig", "ConsumerGroupId"),
        member(properties, "SelfManagedKafkaEventSourceConfig", "ConsumerGroupId"),
    ):
        if group is not None and (value := reading.value("source", group)) is not None:
            source["consumer_group_id"] = value
    for config in ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"):
        if (registry := member(properties, config, "SchemaRegistryConfig")) is not None:
            sentence = "is not looked up: schema_registry of the source in pollerd.yaml says it"
            reading.notice(registry.place, f"{config}.SchemaRegistryConfig", sentence)
    for access in items(member(properties, "SourceAccessConfigurations")):
        kind = text(member(access, "Type")) or ""
        if kind not in _NETWORK:
            sentence = f"{kind} is not looked up: source in pollerd.yaml says how to log in"
            reading.notice(access.place, "SourceAccessConfigurations", sentence)
    return made(place, source)
