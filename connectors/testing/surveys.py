"""Behaviours of streams that tell how far reading has come."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from unittest import SkipTest

from connectors.contract import SourceError, Standing, Surveyable
from connectors.testing.rig import StreamRig
from connectors.testing.steps import LONG, Contract, expect, opened, receive, settled, spread


class SurveyContract(Contract):
    """Part of ``StreamContract``. For sources that have the verb."""

    @abstractmethod
    def rig(self, lease_seconds: float) -> AbstractAsyncContextManager[StreamRig]:
        """Return a stream of its own for one test."""

    async def test_a_survey_counts_what_is_not_done(self) -> None:
        """What was never fetched, what was only fetched, what is settled; the end is where all of it is."""
        async with self.rig(LONG) as rig:
            await rig.send(spread(12))
            async with opened(rig) as source:
                stream = _surveyable(source)
                records = await receive(source, 12, self.patience)
                before = await stream.survey()
                expect(set(before), {record.partition for record in records}, "partitions")
                expect(_left(before), 12, "records that are not done")
                expect(await source.settle(settled(records[:5])), [], "unsettled")
                expect(_left(await stream.survey()), 7, "records that are not done, when five are")
                expect(await source.settle(settled(records[5:])), [], "unsettled")
                after = await stream.survey()
                expect(_left(after), 0, "records that are not done in the end")
                expect([each.committed for each in after.values()], [each.end for each in after.values()], "the end")
                expect([each.end for each in before.values()], [each.end for each in after.values()], "the end, before")
                await rig.send(spread(6))
                expect(_left(await stream.survey()), 6, "records that came since")

    async def test_a_survey_of_what_is_closed_is_an_error_of_the_contract(self) -> None:
        """Like any other verb."""
        async with self.rig(LONG) as rig:
            source = rig.source()
            stream = _surveyable(source)
            await source.open()
            await source.close()
            try:
                await stream.survey()
            except SourceError:
                return
            raise AssertionError("a survey of a closed source raised nothing")


def _surveyable(source: object) -> Surveyable:
    if not isinstance(source, Surveyable):
        raise SkipTest("the stream does not tell how far reading has come")
    return source


def _left(found: Mapping[str, Standing]) -> int:
    return sum((each.lag or 0) + (each.pending or 0) for each in found.values())
