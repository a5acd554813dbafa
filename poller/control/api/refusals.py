"""What a change is refused with, as the API says it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from connectors.contract import OptionsError, SourceError
from poller.control.api.contract import ApiError
from poller.control.desired import FiledError, RefusedError
from poller.control.port import PortError
from poller.control.store import StoreError
from poller.settings.package import PackageError

CODES: dict[type[Exception], str] = {
    FiledError: "ResourceConflictException",
    RefusedError: "InvalidParameterValueException",
    PackageError: "InvalidParameterValueException",
    OptionsError: "InvalidParameterValueException",
    SourceError: "InvalidParameterValueException",
    StoreError: "ServiceException",
    PortError: "ServiceException",
}


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Whatever a change was refused with leaves as ApiError, its sentence kept."""
    try:
        yield
    except tuple(CODES) as error:
        code = next(code for kind, code in CODES.items() if isinstance(error, kind))
        hint = error.hint if isinstance(error, PackageError) else ""
        raise ApiError(code, f"{error}; {hint}" if hint else str(error)) from error


def invalid(sentence: str) -> ApiError:
    """A parameter makes no sense."""
    return ApiError("InvalidParameterValueException", sentence)


def refuse_outdated(given: str | None, revision: str, what: str = "GetFunction/GetAlias") -> None:
    """Raises ApiError unless who asks knows the newest revision, or does not say which one he knows."""
    if given is not None and given != revision:
        raise ApiError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {what} API to retrieve the latest Revision Id",
        )
