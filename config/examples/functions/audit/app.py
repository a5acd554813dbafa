"""Is told what became of asynchronous invocations of another function, and logs it."""  # noqa: INP001 - a deployment package is no Python package

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger()
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda passes it
    """Take one record. Payloads that are too big are not in it."""
    request = event["requestContext"]
    log.info("%s after %d: %s", request["condition"], request["approximateInvokeCount"], event.get("responsePayload"))
