"""What a request is refused with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An error of AWS's API, for the caller. Its HTTP status comes from the model of the service.

    code: name of an error shape (``ResourceNotFoundException``) or of one of the errors that all services have (status.py).
    message: the sentence, or None where AWS sends null. type: who is to blame, ``User`` or ``Service``; None: as the status says.
    members: further members of the error shape, by name (``Reason``); those that the model places in headers become headers.
    """

    def __init__(self, code: str, message: str | None, *, type: str | None = None, **members: Any) -> None:  # noqa: A002 - AWS's word
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.type = type
        self.members: Mapping[str, Any] = members
