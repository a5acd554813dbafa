"""The whole model, operation by operation: each is offered, or refused with its reason; none is forgotten."""

from __future__ import annotations

from pathlib import Path

from botocore.loaders import Loader

from poller.control.api.refused import REFUSED
from tests.integration.api.served import served


async def test_every_operation_of_the_model_is_offered_or_refused_with_its_reason(tmp_path: Path) -> None:
    model = Loader().load_service_model("lambda", "service-2")
    async with served(tmp_path) as daemon:
        offered = daemon.daemon.offered
    assert offered & REFUSED.keys() == set()
    assert offered | REFUSED.keys() == model["operations"].keys()
    assert len(offered) >= 60
