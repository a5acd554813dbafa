"""Who may use a layer version: AddLayerVersionPermission, GetLayerVersionPolicy, RemoveLayerVersionPermission.

Kept and told; there is one account here, and all its functions may use its layers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.layers import LayersApi
from poller.control.api.names import Account, constraint
from poller.control.api.refusals import refuse_outdated, told
from poller.control.layers import Layers, LayerVersion

ACTION = "lambda:GetLayerVersion"


class LayerPermissions:
    """api: finds the versions. layers: keeps their policies."""

    def __init__(self, api: LayersApi, layers: Layers, account: Account) -> None:
        self._api = api
        self._layers = layers
        self._account = account

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {
            "AddLayerVersionPermission": self._add,
            "GetLayerVersionPolicy": self._get,
            "RemoveLayerVersionPermission": self._remove,
        }

    async def _add(self, call: Call) -> Mapping[str, Any]:
        params = call.params
        if params["Action"] != ACTION:
            words = f"Member must satisfy regular expression pattern: {ACTION}"
            raise constraint(params["Action"], "action", words)
        version = await self._found(params)
        if any(statement["Sid"] == params["StatementId"] for statement in version.policy):
            raise ApiError(
                "ResourceConflictException",
                f"The statement id ({params['StatementId']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement.",
            )
        statement = self._statement(version, params)
        revision = await self._permit(version, [*version.policy, statement])
        return {"Statement": json.dumps(statement), "RevisionId": revision}

    async def _get(self, call: Call) -> Mapping[str, Any]:
        version = await self._api.version(call.params["LayerName"], call.params["VersionNumber"])
        if not version.policy:
            raise ApiError("ResourceNotFoundException", "No policy is associated with the given resource.")
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(version.policy)}
        return {"Policy": json.dumps(policy), "RevisionId": version.policy_revision}

    async def _remove(self, call: Call) -> Mapping[str, Any]:
        version, sid = await self._found(call.params), call.params["StatementId"]
        rest = [statement for statement in version.policy if statement["Sid"] != sid]
        if len(rest) == len(version.policy):
            sentence = f"Statement {sid} is not found in resource policy."
            raise ApiError("ResourceNotFoundException", sentence)
        await self._permit(version, rest)
        return {}

    async def _found(self, params: Mapping[str, Any]) -> LayerVersion:
        version = await self._api.version(params["LayerName"], params["VersionNumber"])
        refuse_outdated(params.get("RevisionId"), version.policy_revision, "GetLayerPolicy")
        return version

    async def _permit(self, version: LayerVersion, policy: Sequence[Mapping[str, Any]]) -> str:
        with told():
            revision = await asyncio.to_thread(self._layers.permit, version, policy)
        if revision is None:
            raise ApiError("ResourceConflictException", "The policy was changed by another call; try again")
        return revision

    def _statement(self, version: LayerVersion, params: Mapping[str, Any]) -> dict[str, Any]:
        principal = params["Principal"]
        if principal.isdigit():
            principal = f"arn:aws:iam::{principal}:root"
        statement = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": "*" if principal == "*" else {"AWS": principal},
            "Action": ACTION,
            "Resource": self._account.layer(version.name, version.number),
        }
        if organization := params.get("OrganizationId"):
            statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organization}}
        return statement
