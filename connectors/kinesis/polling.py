"""Shards of a Kinesis stream as a standard consumer reads them: asked, again and again (ListShards, GetShardIterator, GetRecords)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.aws.service import AwsService, said, time_of
from connectors.contract import Missing, SourceError
from connectors.kinesis.records import Records
from connectors.shards.lineage import Shard
from connectors.shards.positions import AT_TIMESTAMP, TRIM_HORIZON, is_sequence_number, middle_of, moment_of
from connectors.shards.reading import ExpiredIteratorError, Page, TrimmedError

UNKNOWN_NUMBER = frozenset({"InvalidArgumentException", "ValidationException"})
"""Codes for a sequence number that the shard never had: the stream was made anew, say."""


class PolledShards:
    """The requests of a standard consumer. request: how each says which stream."""

    def __init__(self, service: AwsService, request: Mapping[str, str], records: Records) -> None:
        self._service = service
        self._request = request
        self._records = records

    async def listed(self) -> tuple[list[Shard], float]:
        """ListShards, all pages."""
        answer = await self._service.ask("list_shards", **self._request)
        moment = time_of(answer)
        found = list(self._service.given(answer, "Shards", "Kinesis"))
        while token := answer.get("NextToken"):
            answer = await self._service.ask("list_shards", NextToken=token)
            found += self._service.given(answer, "Shards", "Kinesis")
        return self._records.listed(found), moment

    async def iterator(self, shard: str, position: str) -> str:
        """GetShardIterator."""
        kind = _iterator_kind(position)
        try:
            answer = await self._service.ask("get_shard_iterator", **self._request, ShardId=shard, **kind)
        except SourceError as error:
            if "StartingSequenceNumber" in kind and await self._is_of_the_number(shard, error):
                raise TrimmedError(str(error)) from error
            raise
        return str(self._service.given(answer, "ShardIterator", "Kinesis"))

    async def page(self, shard: str, iterator: str, limit: int) -> Page:
        """GetRecords."""
        stream = {"StreamARN": self._request["StreamARN"]} if "StreamARN" in self._request else {}
        try:
            answer = await self._service.ask("get_records", ShardIterator=iterator, Limit=limit, **stream)
        except SourceError as error:
            if said(error) == "ExpiredIteratorException":
                raise ExpiredIteratorError(str(error)) from error
            raise
        found = self._service.given(answer, "Records", "Kinesis")
        return Page(
            records=self._records.of(shard, found),
            cursor=found[-1]["SequenceNumber"] if found else "",
            iterator=answer.get("NextShardIterator") or "",
            behind=bool(answer.get("MillisBehindLatest")),
        )

    async def _is_of_the_number(self, shard: str, error: SourceError) -> bool:
        """Whether only the sequence number is to blame for an error. Some servers (kinesis-mock) call a number missing, like a shard."""
        if not isinstance(error, Missing):
            return said(error) in UNKNOWN_NUMBER
        try:
            await self.iterator(shard, TRIM_HORIZON)
        except Missing:
            return False
        return True


def _iterator_kind(position: str) -> dict[str, Any]:
    """How GetShardIterator says where to begin."""
    moment = moment_of(position)
    if moment is not None:
        return {"ShardIteratorType": AT_TIMESTAMP, "Timestamp": moment}
    if is_sequence_number(position):
        return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
    number = middle_of(position)
    if number is not None:
        return {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
    return {"ShardIteratorType": position}
