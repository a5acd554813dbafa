"""Resource policies of functions, versions and aliases: AddPermission, GetPolicy, RemovePermission.

They are kept and told, and bind nobody here: who may call is what keys are for (``http.keys``), and nobody else does.
"""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.names import Named, missing, named
from poller.control.api.refusals import invalid, refuse_outdated, told
from poller.settings.references import LATEST, is_number

SHOWN = "Policies"
"""Qualifier, "" for the function -> its statements and their revision."""
LONGEST = 20_480
"""Bytes of a policy (Lambda quotas)."""
_SERVICE = re.compile(r"[a-z0-9.*-]+\.amazon(?:aws)?\.com(?:\.cn)?")
_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:.+")


class Policies:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {"AddPermission": self._add, "GetPolicy": self._get, "RemovePermission": self._remove}

    async def _add(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        statement = self._statement(of, call.params)
        before = self._policy(of)
        refuse_outdated(call.params.get("RevisionId"), before.get("RevisionId", ""), "GetPolicy")
        statements = before.get("Statement", [])
        if any(each["Sid"] == statement["Sid"] for each in statements):
            raise ApiError(
                "ResourceConflictException",
                f"The statement id ({statement['Sid']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement.",
            )
        statements = [*statements, statement]
        if len(json.dumps(statements)) > LONGEST:
            raise ApiError("PolicyLengthExceededException", f"The policy is longer than {LONGEST} bytes.")
        await self._write(of, statements)
        return {"Statement": json.dumps(statement)}

    async def _get(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        policy = self._policy(of)
        if not policy.get("Statement"):
            raise _nothing()
        document = {"Version": "2012-10-17", "Id": "default", "Statement": policy["Statement"]}
        return {"Policy": json.dumps(document), "RevisionId": policy["RevisionId"]}

    async def _remove(self, call: Call) -> Mapping[str, Any]:
        of = await self._named(call)
        policy, wanted = self._policy(of), call.params["StatementId"]
        if not policy.get("Statement"):
            raise _nothing()
        refuse_outdated(call.params.get("RevisionId"), policy["RevisionId"], "GetPolicy")
        statements = [each for each in policy["Statement"] if each["Sid"] != wanted]
        if len(statements) == len(policy["Statement"]):
            raise ApiError("ResourceNotFoundException", f"Statement {wanted} is not found in resource policy.")
        await self._write(of, statements)
        return {}

    async def _named(self, call: Call) -> Named:
        """What a call is about; it is there. Raises ApiError."""
        catalogue = self._catalogue
        of = named(call.params["FunctionName"], catalogue.account, call.params.get("Qualifier"))
        catalogue.refuse_missing(of.name, of.qualifier)
        if of.qualifier == LATEST:
            raise invalid("We currently do not support adding policies for $LATEST.")
        if is_number(of.qualifier):
            if await catalogue.version(of.name, of.qualifier) is None:
                raise missing(catalogue.account.function(of.name, of.qualifier))
        elif of.qualifier and of.qualifier not in catalogue.aliases(of.name):
            arn = catalogue.account.function(of.name, of.qualifier)
            raise ApiError("ResourceNotFoundException", f"Cannot find alias arn: {arn}")
        return of

    def _policy(self, of: Named) -> Mapping[str, Any]:
        made = self._catalogue.made(of.name)
        found: Mapping[str, Any] = (made.shown.get(SHOWN, {}) if made else {}).get(of.qualifier, {})
        return found

    async def _write(self, of: Named, statements: list[Mapping[str, Any]]) -> None:
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", of.name)
                made = change.made("functions", of.name)
                if made is None:
                    raise missing(self._catalogue.account.function(of.name))
                policies = dict(made.shown.get(SHOWN, {}))
                policies[of.qualifier] = {"Statement": statements, "RevisionId": str(uuid.uuid4())}
                change.put(dataclasses.replace(made, shown={**made.shown, SHOWN: policies}))

    def _statement(self, of: Named, params: Mapping[str, Any]) -> dict[str, Any]:
        """As AWS words it. Raises ApiError for a principal that is none."""
        statement: dict[str, Any] = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": _principal(params["Principal"]),
            "Action": params["Action"],
            "Resource": self._catalogue.account.function(of.name, of.qualifier),
        }
        conditions: dict[str, dict[str, str]] = {}
        for member, operator, key in (
            ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
            ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
            ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
            ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
            ("SourceArn", "ArnLike", "AWS:SourceArn"),
        ):
            if value := params.get(member):
                conditions.setdefault(operator, {})[key] = value
        if (through := params.get("InvokedViaFunctionUrl")) is not None:
            conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true" if through else "false"}
        if conditions:
            statement["Condition"] = conditions
        return statement


def _principal(given: str) -> Any:
    if given == "*":
        return "*"
    if re.fullmatch(r"[0-9]{12}", given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if _ARN.fullmatch(given):
        return {"AWS": given}
    if _SERVICE.fullmatch(given):
        return {"Service": given}
    raise invalid("The provided principal was invalid. Please check the principal and try again.")


def _nothing() -> ApiError:
    return ApiError("ResourceNotFoundException", "No policy is associated with the given resource.")
