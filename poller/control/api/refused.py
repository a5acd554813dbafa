"""Operations of Lambda that are not offered, and why."""

from __future__ import annotations

from collections.abc import Mapping

from poller.control.api.contract import ApiError
from poller.wire.aws.model import Operation

_CAPACITY = "capacity providers are fleets of EC2 instances; here functions run on this host, as many at once as concurrency says"
_DURABLE = "no function is a durable one; what has to outlive an invocation goes to a queue or a stream"
_SCALING = (
    "it sizes Lambda Managed Instances; here per_execution_environment_max_concurrency and provisioned concurrency do"
)

_SIGNING = "signatures of packages are not verified here, so a code signing config would promise what nobody does"
_WHOLE_POLICY = "policies are kept statement by statement: AddPermission, GetPolicy and RemovePermission"

REFUSED: Mapping[str, str] = {
    "CreateCodeSigningConfig": _SIGNING,
    "DeleteCodeSigningConfig": _SIGNING,
    "DeleteFunctionCodeSigningConfig": _SIGNING,
    "DeleteResourcePolicy": _WHOLE_POLICY,
    "GetCodeSigningConfig": _SIGNING,
    "GetResourcePolicy": _WHOLE_POLICY,
    "ListFunctionsByCodeSigningConfig": _SIGNING,
    "PutFunctionCodeSigningConfig": _SIGNING,
    "PutResourcePolicy": _WHOLE_POLICY,
    "UpdateCodeSigningConfig": _SIGNING,
    "CheckpointDurableExecution": _DURABLE,
    "CreateCapacityProvider": _CAPACITY,
    "DeleteCapacityProvider": _CAPACITY,
    "GetCapacityProvider": _CAPACITY,
    "GetDurableExecution": _DURABLE,
    "GetDurableExecutionHistory": _DURABLE,
    "GetDurableExecutionState": _DURABLE,
    "GetFunctionScalingConfig": _SCALING,
    "ListCapacityProviders": _CAPACITY,
    "ListDurableExecutionsByFunction": _DURABLE,
    "ListFunctionVersionsByCapacityProvider": _CAPACITY,
    "PutFunctionScalingConfig": _SCALING,
    "SendDurableExecutionCallbackFailure": _DURABLE,
    "SendDurableExecutionCallbackHeartbeat": _DURABLE,
    "SendDurableExecutionCallbackSuccess": _DURABLE,
    "StopDurableExecution": _DURABLE,
    "UpdateCapacityProvider": _CAPACITY,
}
"""Why, by the name of the operation."""

NOTHING = "there is nothing here that it could tell or change"

_CODES = ("InvalidParameterValueException", "InvalidParameterException", "InvalidOperationException")


def refusal(operation: Operation) -> ApiError:
    """What an operation without a handler is answered with: an error that its clients know, if it has one that fits."""
    code = next((code for code in _CODES if code in operation.errors), "UnknownOperationException")
    why = REFUSED.get(operation.name, NOTHING)
    return ApiError(code, f"pollerd does not offer {operation.name}: {why}", type="User")
