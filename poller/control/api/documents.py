"""What a call gives → the document of a function as it could stand in a configuration file, and what is only shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SIMPLE = {"Runtime": "runtime", "Handler": "handler", "Timeout": "timeout_seconds", "MemorySize": "memory_mb"}
SHOWN = (
    *("CodeSigningConfigArn", "DeadLetterConfig", "Description", "KMSKeyArn", "Role", "SnapStart", "Tags"),
    *("TracingConfig", "VpcConfig"),
)
"""What AWS keeps of a function and what has no key in a document; or has one that versions do not keep, where AWS's do."""
_LEVELS = {"ApplicationLogLevel": "application_log_level", "SystemLogLevel": "system_log_level"}
_OF_IMAGE = {"EntryPoint": "entry_point", "Command": "command", "WorkingDirectory": "working_directory"}


def document(before: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The document after a call; what the call does not give stays. Code and layers are not its affair."""
    after = dict(before)
    after |= {key: params[name] for name, key in SIMPLE.items() if name in params}
    if "Environment" in params:
        after["environment"] = dict(params["Environment"].get("Variables") or {})
    if "EphemeralStorage" in params:
        after["ephemeral_storage_mb"] = params["EphemeralStorage"]["Size"]
    if "DeadLetterConfig" in params:
        after.pop("dead_letter_config", None)
        if target := params["DeadLetterConfig"].get("TargetArn"):
            after["dead_letter_config"] = {"target_arn": target}
    if "LoggingConfig" in params:
        after["logging"] = _logging(before.get("logging", {}), params["LoggingConfig"])
    if "ImageConfig" in params:
        after.pop("image_config", None)
        if given := {
            key: params["ImageConfig"][name] for name, key in _OF_IMAGE.items() if params["ImageConfig"].get(name)
        }:
            after["image_config"] = given
    return after


def shown(before: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """What is only shown, after a call. What is given as empty is gone."""
    after = dict(before) | {name: params[name] for name in SHOWN if name in params}
    if not after.get("DeadLetterConfig", {}).get("TargetArn"):
        after.pop("DeadLetterConfig", None)
    if (vpc := after.get("VpcConfig")) is not None:
        if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds"):
            after["VpcConfig"] = {"VpcId": "", **vpc}
        else:
            del after["VpcConfig"]
    return after


def with_layers(before: Mapping[str, Any], references: Sequence[str]) -> dict[str, Any]:
    """The document with other layers, by their .zips; of equal ones the last counts, as it does when they are merged."""
    after = {name: value for name, value in before.items() if name != "layers"}
    last = [reference for at, reference in enumerate(references) if reference not in references[at + 1 :]]
    return after | ({"layers": last} if last else {})


def _logging(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Field by field; in JSON format levels have a default, in the other there are none (recorded in November 2025)."""
    after = dict(before)
    if "LogFormat" in given:
        after["log_format"] = given["LogFormat"]
    if "LogGroup" in given:
        after["log_group"] = given["LogGroup"]
    if after.get("log_format") != "JSON":
        for key in _LEVELS.values():
            after.pop(key, None)
    return after | {key: given[name] for name, key in _LEVELS.items() if name in given}
