"""A function as the API tells of it: ``FunctionConfiguration``. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from poller.control.assemble import log_of
from poller.settings.model import FunctionSettings, ImageCode, ImageConfig, LoggingSettings
from poller.settings.secrets import Secret

CREATING = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful"}
UPDATING = {
    "State": "Active",
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}

KEPT = ("Role", "KMSKeyArn", "VpcConfig")
"""Of what is only shown: members that answers have as they were given."""
OF_FUNCTION = frozenset({"Aliases", "CodeSigningConfigArn", "LastModified", "Provisioned", "Tags"})
"""Of what is only shown: what belongs to the function as a whole, and to no version of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One version of a function, $LATEST included, with all that answers tell of it.

    shown: by AWS's names. code_sha256, code_size: of the .zip; of an image its digest in hex, and 0. modified: ISO 8601, UTC,
    milliseconds, "" where nobody knows. state: members of the answer.
    """

    name: str
    arn: str
    version: str
    settings: FunctionSettings
    shown: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    revision: str
    modified: str = ""
    code_sha256: str = ""
    code_size: int = 0
    state: Mapping[str, Any] = field(default_factory=lambda: ACTIVE)


def configuration(of: Described, *, architecture: str, runtime_version: str = "") -> dict[str, Any]:
    """The members of ``FunctionConfiguration``; None is left out.

    architecture: of this host, by AWS's name. runtime_version: ARN of what new environments start; "" where there is none to tell.
    """
    settings, shown = of.settings, of.shown
    is_image = isinstance(settings.code, ImageCode)
    told = {
        "FunctionName": of.name,
        "FunctionArn": of.arn,
        "Runtime": settings.runtime or None,
        "Handler": settings.handler or None,
        "CodeSize": of.code_size,
        "CodeSha256": of.code_sha256,
        "Description": of.description,
        "Timeout": int(settings.timeout_seconds),
        "MemorySize": settings.memory_mb,
        "LastModified": moment(of.modified),
        "Version": of.version,
        "Environment": {"Variables": _shown(settings.environment)} if settings.environment else None,
        "RevisionId": of.revision,
        "Layers": shown.get("Layers") or None,
        "DeadLetterConfig": shown.get("DeadLetterConfig") or _dead_letters(settings),
        "PackageType": "Image" if is_image else "Zip",
        "ImageConfigResponse": _image_config(settings.image_config),
        "Architectures": [architecture],
        "EphemeralStorage": {"Size": settings.ephemeral_storage_mb},
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version} if runtime_version else None,
        "SnapStart": {"ApplyOn": shown.get("SnapStart", {}).get("ApplyOn", "None"), "OptimizationStatus": "Off"},
        "TracingConfig": {"Mode": shown.get("TracingConfig", {}).get("Mode", "PassThrough")},
        "LoggingConfig": logging(of.name, settings.logging),
        **{name: shown.get(name) or None for name in KEPT},
        **of.state,
    }
    return {name: value for name, value in told.items() if value is not None}


def _shown(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables as whoever asks gets them; in place of a secret that the files refer to stands the reference."""
    return {name: value.reference if isinstance(value, Secret) else value for name, value in environment.items()}


def listed(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same in a list, where nothing is said of states (Lambda API reference, ListFunctions)."""
    return {name: value for name, value in told.items() if not name.startswith(("State", "LastUpdateStatus"))}


def logging(name: str, settings: LoggingSettings) -> dict[str, Any]:
    """``LoggingConfig``: levels have a default, and are told, in JSON format only."""
    log = log_of(settings)
    levels = {"ApplicationLogLevel": log.application_level, "SystemLogLevel": log.system_level} if log.json else {}
    return {"LogFormat": settings.log_format, "LogGroup": settings.log_group or f"/aws/lambda/{name}", **levels}


def revision_of(*parts: str) -> str:
    """A revision for what has none of its own: another one when what it is made of is another one."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join(parts)))


def changed(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a function whose code or configuration changes now: with another revision, and the time.

    Its aliases, tags and concurrency change without that (recorded in November 2025), so it is not the row's own.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**renewed(shown), "LastModified": now}


def renewed(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same with another revision."""
    return {**shown, "RevisionId": str(uuid.uuid4())}


def versioned(shown: Mapping[str, Any]) -> dict[str, Any]:
    """What a version keeps of what is only shown."""
    return {name: value for name, value in shown.items() if name not in OF_FUNCTION}


def plain(document: Mapping[str, Any]) -> FunctionSettings:
    """What can be told of a function that cannot be read any more: the values of its document that are as they should be."""
    fits = {"runtime": str, "handler": str, "timeout_seconds": int, "memory_mb": int, "ephemeral_storage_mb": int}
    found = {name: document[name] for name, kind in fits.items() if isinstance(document.get(name), kind)}
    if isinstance(environment := document.get("environment"), dict):
        found["environment"] = environment
    code = document.get("code")
    return FunctionSettings(code=ImageCode(image=str(code["image"])) if isinstance(code, dict) else str(code), **found)


def failed(reason: str) -> dict[str, Any]:
    """The state of a function that cannot be used as things are."""
    return {"State": "Failed", "StateReason": reason, "StateReasonCode": "InvalidConfiguration"} | {
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReason": reason,
        "LastUpdateStatusReasonCode": "InvalidConfiguration",
    }


def moment(text: str) -> str | None:
    """``2026-01-02T03:04:05.678+0000``, as functions and layers have it."""
    return text.replace("Z", "+0000") or None


def _dead_letters(settings: FunctionSettings) -> dict[str, str] | None:
    return {"TargetArn": settings.dead_letter_config.target_arn} if settings.dead_letter_config else None


def _image_config(config: ImageConfig | None) -> dict[str, Any] | None:
    if config is None:
        return None
    entries = {
        "EntryPoint": None if config.entry_point is None else list(config.entry_point),
        "Command": None if config.command is None else list(config.command),
        "WorkingDirectory": config.working_directory,
    }
    found = {name: value for name, value in entries.items() if value is not None}
    return {"ImageConfig": found} if found else None
