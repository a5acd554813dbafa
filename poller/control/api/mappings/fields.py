"""A mapping's members as AWS names them, and its keys as a configuration file has them. Pure; where it reads from is for sources.py.

Source: Lambda API model, CreateEventSourceMapping and EventSourceMappingConfiguration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.contract import Capabilities
from poller.settings.model import MappingSettings
from poller.settings.moments import moment

PLAIN = {
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "maximum_batching_window_seconds",
    "FunctionResponseTypes": "function_response_types",
    "Enabled": "enabled",
}
"""Members and keys that say the same in the same terms."""
OF_STREAMS = {
    "ParallelizationFactor": "parallelization_factor",
    "BisectBatchOnFunctionError": "bisect_batch_on_function_error",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "MaximumRecordAgeInSeconds": "maximum_record_age_seconds",
    "TumblingWindowInSeconds": "tumbling_window_seconds",
    "StartingPosition": "starting_position",
    "StartingPositionTimestamp": "starting_position_timestamp",
}
"""Likewise; only streams have them."""
SHOWN = ("KMSKeyArn", "MetricsConfig", "LoggingConfig", "ProvisionedPollerConfig")
"""Members that are kept and shown, and have no effect here: nothing is encrypted by a key of AWS, metrics are always there, and pollers
grow by themselves."""


def document(params: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that these members change, laid over those of before; what is not given stays as it is."""
    keys = dict(before)
    for member, key in (PLAIN | OF_STREAMS).items():
        if params.get(member) is not None:
            keys[key] = params[member]
    if (filters := params.get("FilterCriteria")) is not None:
        _put(keys, "filter_criteria", [each.get("Pattern", "") for each in filters.get("Filters") or ()])
    if (scaling := params.get("ScalingConfig")) is not None:
        _put(keys, "maximum_concurrency", scaling.get("MaximumConcurrency"))
    if (destinations := params.get("DestinationConfig")) is not None:
        destination = (destinations.get("OnFailure") or {}).get("Destination")
        _put(keys, "destination_config", destination and {"on_failure": {"destination": destination}})
    return keys


def _put(keys: dict[str, Any], key: str, value: Any) -> None:
    """An empty member takes the key away."""
    if value:
        keys[key] = value
    else:
        keys.pop(key, None)


def members(settings: MappingSettings, able: Capabilities) -> dict[str, Any]:
    """What AWS shows of a mapping's keys; what a stream has a queue has not (section 1.5 of the recordings)."""
    found: dict[str, Any] = {
        "BatchSize": settings.batch_size or min(able.default_batch_size, able.max_batch_size),
        "MaximumBatchingWindowInSeconds": int(settings.maximum_batching_window_seconds),
        "FunctionResponseTypes": list(settings.function_response_types),
    }
    if able.stream:
        found |= {member: getattr(settings, key) for member, key in OF_STREAMS.items()}
        found["StartingPosition"] = settings.starting_position or able.starting_positions[0]
        written = settings.starting_position_timestamp
        found["StartingPositionTimestamp"] = None if written is None else moment(written)
        config = settings.destination_config
        found["DestinationConfig"] = {"OnFailure": {"Destination": config.on_failure.destination} if config else {}}
    if settings.filter_criteria:
        patterns = [each if isinstance(each, str) else json.dumps(each) for each in settings.filter_criteria]
        found["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in patterns]}
    if settings.maximum_concurrency is not None:
        found["ScalingConfig"] = {"MaximumConcurrency": settings.maximum_concurrency}
    return found
