"""CloudWatch Logs as far as functions' logs go: groups, streams and events of the daemon's log store (API of 2014-03-28).

Events are written by functions only. What reads is the service's own, page by page; ``log_tokens.py`` has the tokens. Of what is not there
the operations that tools try are refused with the reason, and all others as unknown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.log_tokens import backward, forward, searched, stream_token, view_token, went_on
from poller.observe.log_store import (
    LogEvent,
    LogReader,
    LogStore,
    LogStoreError,
    LogStream,
    MissingError,
    PatternError,
    Range,
    Writer,
    compile_pattern,
)

INVALID = "InvalidParameterException"
NOT_FOUND = "ResourceNotFoundException"
NOT_HERE = "InvalidOperationException"
EVENTS = 10_000
ITEMS = 50
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days (API reference, PutRetentionPolicy)."""
REFUSED: Mapping[str, str] = {
    "CreateLogStream": "log streams are made by functions' environments",
    "GetLogGroupFields": "there is no index of fields; FilterLogEvents finds JSON messages by { $.field = value }",
    "GetLogRecord": "there is no index of records; FilterLogEvents and GetLogEvents read them",
    "PutLogEvents": "events are written by functions",
    "PutSubscriptionFilter": "there are no subscriptions; function_logs.ship sends all events to CloudWatch Logs",
    "StartLiveTail": "live tail needs a host name of its own, streaming-logs; `aws logs tail --follow` and `pollerd logs -f` follow",
    "StartQuery": "there is no Logs Insights; FilterLogEvents finds events by terms and by { $.field = value }",
}

_T = TypeVar("_T")


class Logs:
    """The operations. store: None where none is kept. arn: of the account's logs, ``arn:aws:logs:REGION:ACCOUNT``."""

    def __init__(self, store: LogStore | None, arn: str) -> None:
        self._store = store
        self._arn = arn

    def handlers(self) -> Mapping[str, Handler]:
        """By the name of the operation."""
        known = {
            "CreateLogGroup": self._create_group,
            "DeleteLogGroup": self._delete_group,
            "DeleteLogStream": self._delete_stream,
            "DeleteRetentionPolicy": self._delete_retention,
            "DescribeLogGroups": self._describe_groups,
            "DescribeLogStreams": self._describe_streams,
            "FilterLogEvents": self._filter_events,
            "GetLogEvents": self._get_events,
            "PutRetentionPolicy": self._put_retention,
        }
        return {name: _told(handler) for name, handler in known.items()} | dict.fromkeys(REFUSED, _refuse)

    # what reads

    async def _describe_groups(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        prefix, infix = given.get("logGroupNamePrefix", ""), given.get("logGroupNamePattern", "")
        if prefix and infix:
            raise ApiError(INVALID, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        if given.get("logGroupIdentifiers"):
            raise ApiError(INVALID, "logGroupIdentifiers are not supported here; use logGroupNamePrefix.")
        limit = given.get("limit", ITEMS)
        after = given.get("nextToken", "")
        if given.get("logGroupClass", "STANDARD") != "STANDARD":
            return {"logGroups": []}
        found = await self._read(lambda logs: logs.groups(prefix=prefix, infix=infix, after=after, limit=limit))
        groups = [
            {
                "logGroupName": group.name,
                "creationTime": group.created,
                "retentionInDays": group.retention_days,
                "metricFilterCount": 0,
                "arn": f"{self._group_arn(group.name)}:*",
                "logGroupArn": self._group_arn(group.name),
                "storedBytes": group.stored,
                "logGroupClass": "STANDARD",
            }
            for group in found
        ]
        return {"logGroups": groups, "nextToken": found[-1].name if len(found) == limit else None}

    async def _describe_streams(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        group, prefix = _group(given), given.get("logStreamNamePrefix", "")
        by_time = given.get("orderBy") == "LastEventTime"
        if by_time and prefix:
            raise ApiError(INVALID, "Cannot order by LastEventTime with a logStreamNamePrefix.")
        limit = given.get("limit", ITEMS)
        after = went_on(given["nextToken"]) if "nextToken" in given else None
        descending = given.get("descending", False)
        found = await self._read(
            lambda logs: logs.streams(
                group, prefix=prefix, by_time=by_time, descending=descending, after=after, limit=limit
            )
        )
        return {
            "logStreams": [self._stream(group, stream) for stream in found],
            "nextToken": stream_token(found[-1]) if len(found) == limit else None,
        }

    async def _get_events(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        group, stream, token = _group(given), given["logStreamName"], given.get("nextToken")
        wanted, newest_first = view_token(token, newest_first=not given.get("startFromHead", False))
        wanted = _between(given, wanted, beyond=0)
        limit = given.get("limit", EVENTS)
        page = await self._read(
            lambda logs: logs.stream_events(group, stream, wanted, newest_first=newest_first, limit=limit)
        )
        events = page.events[::-1] if newest_first else page.events
        return {
            "events": [_event(event) for event in events],
            "nextForwardToken": forward(events, token),
            "nextBackwardToken": backward(events, token),
        }

    async def _filter_events(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        group = _group(given)
        streams: Sequence[str] = given.get("logStreamNames", ())
        prefix = given.get("logStreamNamePrefix", "")
        if streams and prefix:
            raise ApiError(INVALID, "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
        wanted, newest_first = searched(given.get("nextToken"), newest_first=not given.get("startFromHead", True))
        wanted = _between(given, wanted, beyond=1)
        pattern, limit = given.get("filterPattern", ""), given.get("limit", EVENTS)
        matches = compile_pattern(pattern) if pattern.strip() else None
        page = await self._read(
            lambda logs: logs.events(
                group, wanted, streams=streams, prefix=prefix, matches=matches, newest_first=newest_first, limit=limit
            )
        )
        return {
            "events": [
                {**_event(event), "logStreamName": event.stream, "eventId": event.position.id} for event in page.events
            ],
            "searchedLogStreams": [],
            "nextToken": page.reached and f"{'d' if newest_first else 'a'}/{page.reached.id}",
        }

    # what changes

    async def _create_group(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in ("kmsKeyId", "tags", "deletionProtectionEnabled"):
            if given.get(name):
                raise ApiError(INVALID, f"{name} is not supported here.")
        if given.get("logGroupClass", "STANDARD") != "STANDARD":
            raise ApiError(INVALID, "Log groups are of class STANDARD here.")
        if not await self._change(lambda logs: logs.create_group(given["logGroupName"])):
            raise ApiError("ResourceAlreadyExistsException", "The specified log group already exists")
        return {}

    async def _delete_group(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return _there("group", await self._change(lambda logs: logs.delete_group(given["logGroupName"])))

    async def _delete_stream(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        group, stream = given["logGroupName"], given["logStreamName"]
        await self._read(lambda logs: logs.streams(group, limit=1))  # the group is missed first
        return _there("stream", await self._change(lambda logs: logs.delete_stream(group, stream)))

    async def _put_retention(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        group, days = given["logGroupName"], given["retentionInDays"]
        if days not in RETENTIONS:
            raise ApiError(INVALID, f"Invalid retention value. Valid values are: {list(RETENTIONS)}")
        return _there("group", await self._change(lambda logs: logs.retain(group, days)))

    async def _delete_retention(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return _there("group", await self._change(lambda logs: logs.retain(given["logGroupName"], None)))

    # the store

    async def _read(self, ask: Callable[[LogReader], _T]) -> _T:
        return await self._kept().read(ask)

    async def _change(self, ask: Callable[[Writer], _T]) -> _T:
        return await self._kept().change(ask)

    def _kept(self) -> LogStore:
        if self._store is None:
            raise ApiError(NOT_HERE, "This daemon keeps no logs: function_logs.keep is false.")
        return self._store

    def _group_arn(self, name: str) -> str:
        return f"{self._arn}:log-group:{name}"

    def _stream(self, group: str, stream: LogStream) -> Mapping[str, Any]:
        return {
            "logStreamName": stream.name,
            "creationTime": stream.created,
            "firstEventTimestamp": stream.first,
            "lastEventTimestamp": stream.last,
            "lastIngestionTime": stream.ingested,
            "uploadSequenceToken": "0",
            "arn": f"{self._group_arn(group)}:log-stream:{stream.name}",
            "storedBytes": 0,  # always, since 2019 (API reference, LogStream)
        }


def _told(handler: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]) -> Handler:
    """A handler of parameters as one of calls. What the store or a pattern raises becomes AWS's error."""

    async def handle(call: Call) -> Mapping[str, Any]:
        try:
            return await handler(call.params)
        except MissingError as error:
            raise ApiError(NOT_FOUND, str(error)) from error
        except PatternError as error:
            raise ApiError(INVALID, f"Invalid filter pattern: {error}") from error
        except LogStoreError as error:
            raise ApiError("ServiceUnavailableException", str(error)) from error

    return handle


async def _refuse(call: Call) -> Mapping[str, Any]:
    raise ApiError(NOT_HERE, f"{call.operation} is not supported here: {REFUSED[call.operation]}.")


def _there(what: str, found: bool) -> Mapping[str, Any]:
    if not found:
        raise MissingError(what)
    return {}


def _group(given: Mapping[str, Any]) -> str:
    """The group's name, given so or by an ARN, as ``aws logs tail`` has it."""
    name, identifier = given.get("logGroupName"), given.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise ApiError(INVALID, "Exactly one of logGroupName and logGroupIdentifier must be given.")
    text: str = name or identifier or ""
    return text.partition(":log-group:")[2] if text.startswith("arn:") else text


def _between(given: Mapping[str, Any], wanted: Range, *, beyond: int) -> Range:
    """With the times that are asked for. beyond: 1 where endTime is the last millisecond, 0 where it is the first that is too late."""
    start = given.get("startTime", wanted.start)
    end = given["endTime"] + beyond if "endTime" in given else wanted.end
    return Range(start=start, end=end, after=wanted.after, before=wanted.before)


def _event(event: LogEvent) -> Mapping[str, Any]:
    return {"timestamp": event.position.timestamp, "message": event.message, "ingestionTime": event.ingested}
