"""How the API names functions, versions and aliases, and what it says of names that lead nowhere.

Sources: Lambda API reference, FunctionName and Qualifier; sentences recorded in November 2025.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from poller.control.api.contract import ApiError
from poller.control.assemble import region_of
from poller.settings.model import AccountSettings
from poller.settings.references import LATEST, function_reference

LONGEST_NAME = 64
PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_LAYER = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):layer:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,140})(?::(?P<number>[0-9]+))?"
)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose functions these are, and where."""

    id: str
    region: str

    @classmethod
    def of(cls, settings: AccountSettings) -> Account:
        """The account of a configuration."""
        return cls(settings.account_id, region_of(settings))

    def function(self, name: str, qualifier: str = "") -> str:
        """ARN of a function, or of a version or alias of it."""
        arn = f"arn:aws:lambda:{self.region}:{self.id}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn

    def layer(self, name: str, number: int | None = None) -> str:
        """ARN of a layer, or of a version of it."""
        arn = f"arn:aws:lambda:{self.region}:{self.id}:layer:{name}"
        return arn if number is None else f"{arn}:{number}"


@dataclass(frozen=True, slots=True)
class Named:
    """What a call is about. qualifier: as it was given, "" for none."""

    name: str
    qualifier: str = ""

    @property
    def is_latest(self) -> bool:
        """Whether the one version that changes is meant, by its name or by none."""
        return self.qualifier in {"", LATEST}


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer, or with its number a version of it. here: whether it would be of this account and region."""

    name: str
    number: int | None
    region: str
    here: bool


def named(text: str, account: Account, qualifier: str | None = None) -> Named:
    """The function that a call names, wherever in the name its qualifier stands. Whether there is one is another question.

    Raises ApiError for what is no name, for other accounts and regions, and for two qualifiers that differ.
    """
    reference = function_reference(text)
    if reference is None:
        raise _malformed(text)
    if reference.region not in {"", account.region}:
        sentence = f"Functions from '{reference.region}' are not reachable in this region ('{account.region}')"
        raise ApiError("ResourceNotFoundException", sentence)
    if reference.account not in {"", account.id}:
        raise ApiError("AccessDeniedException", None)
    if qualifier and reference.qualifier and qualifier != reference.qualifier:
        sentence = "The derived qualifier from the function name does not match the specified qualifier."
        raise ApiError("InvalidParameterValueException", sentence)
    return Named(reference.name, qualifier or reference.qualifier)


def unqualified(text: str, account: Account) -> str:
    """Name of the function that a call names which is not about its versions. Raises ApiError, for a qualified one, too."""
    found = named(text, account)
    if not found.is_latest:
        raise ApiError("InvalidParameterValueException", ONLY_FUNCTIONS)
    return found.name


ONLY_FUNCTIONS = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


def named_layer(text: str, account: Account) -> NamedLayer:
    """The layer that a name or an ARN means, with or without a version. Raises ApiError for what is neither."""
    match = _LAYER.fullmatch(text)
    if match is None:
        raise constraint(text, "layerName", f"Member must satisfy regular expression pattern: {_LAYER.pattern}")
    region, owner = match["region"] or account.region, match["account"] or account.id
    number = int(match["number"]) if match["number"] else None
    return NamedLayer(match["name"], number, region, (region, owner) == (account.region, account.id))


def missing(arn: str) -> ApiError:
    """There is no such function, version, or alias where a version is read."""
    return ApiError("ResourceNotFoundException", f"Function not found: {arn}")


def constraint(value: object, member: str, words: str, code: str = "ValidationException") -> ApiError:
    """A parameter breaks a rule of the API's that its model does not tell, in the words for those that it does."""
    return ApiError(
        code, f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {words}"
    )


def _malformed(text: str) -> ApiError:
    last = text.rpartition(":function:")[2].partition(":")[0]
    if len(last) > LONGEST_NAME:
        words = f"Member must have length less than or equal to {LONGEST_NAME}"
        return constraint(text, "functionName", words, "InvalidParameterValueException")
    return constraint(text, "functionName", f"Member must satisfy regular expression pattern: {PATTERN}")
