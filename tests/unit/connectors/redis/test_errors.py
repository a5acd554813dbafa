from __future__ import annotations

import errno
import ssl
from typing import Any

import pytest
from redis import exceptions as client
from redis._parsers.base import BaseParser

from connectors.contract import Missing, Refused, SourceError, Throttled, Unreachable
from connectors.redis.errors import code_of, translate


def translated(error: Exception) -> SourceError:
    return translate(error, server="Redis at cache:6379", resource="stream orders")


def answer(text: str) -> Exception:
    """The client's error for what a server has answered."""
    parser: Any = BaseParser
    error: Exception = parser.parse_error(text)
    return error


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("NOAUTH Authentication required.", Refused, "denies access to stream orders: Authentication required."),
        ("WRONGPASS invalid username-password pair or user is disabled.", Refused, "invalid username-password pair"),
        ("NOPERM this user has no permissions to run the 'xack' command", Refused, "run the 'xack' command"),
        ("ERR invalid password", Refused, "denies access to stream orders: invalid password"),
        ("LOADING Redis is loading the dataset in memory", Throttled, "it is loading its data"),
        ("BUSY Redis is busy running a script.", Throttled, "it runs a script that takes long"),
        ("OOM command not allowed when used memory > 'maxmemory'.", Throttled, "it is out of memory"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Throttled, "its hash slot is moving"),
        ("NOREPLICAS Not enough good replicas to write.", Throttled, "it misses replicas"),
        ("ERR max number of clients reached", Throttled, "it has as many clients as it may have"),
        ("MOVED 3999 127.0.0.1:6381", Unreachable, "its hash slot has moved to another node"),
        ("ASK 3999 127.0.0.1:6381", Unreachable, "its hash slot is moving to another node"),
        ("CLUSTERDOWN The cluster is down", Unreachable, "its cluster is down"),
        ("MASTERDOWN Link with MASTER is down", Unreachable, "its master is down"),
        ("READONLY You can't write against a read only replica.", Unreachable, "it is a replica by now"),
        ("UNBLOCKED force unblock from blocking operation", Unreachable, "it is a replica by now"),
        ("WRONGTYPE Operation against a key", Missing, "has no stream orders: the key holds something else"),
        ("ERR syntax error", SourceError, "answered syntax error"),
    ],
)
def test_each_answer_has_its_class_and_sentence(text: str, kind: type[SourceError], words: str) -> None:
    found = translated(answer(text))
    assert type(found) is kind
    assert words in str(found)
    assert str(found).startswith("Redis at cache:6379 ")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client.ConnectionError("Error 111"), "the connection broke"),
        (caused(client.ConnectionError("x"), OSError(errno.ECONNREFUSED, "y")), "connection refused"),
        (caused(client.ConnectionError("x"), OSError(-2, "Name or service not known")), "name or service not known"),
        (caused(client.ConnectionError("x"), ssl.SSLError(1, "reason")), "TLS failed"),
        (client.TimeoutError("x"), "did not answer in time"),
        (TimeoutError(), "did not answer in time"),
    ],
)
def test_what_is_no_answer_is_unreachable(error: Exception, words: str) -> None:
    found = translated(error)
    assert type(found) is Unreachable
    assert words in str(found)


def test_a_long_answer_is_cut() -> None:
    assert len(str(translated(answer("ERR " + "x" * 5000)))) < 300


def test_what_the_client_itself_makes_wrong_is_told_by_name() -> None:
    assert str(translated(ValueError("odd"))) == "the client of Redis at cache:6379 failed: ValueError: odd"
    own = Missing("already ours")
    assert translated(own) is own


@pytest.mark.parametrize(
    ("error", "code"),
    [(answer("NOGROUP No such key"), "NOGROUP"), (answer("ERR x"), "ERR"), (ValueError("NOGROUP"), "")],
)
def test_codes(error: Any, code: str) -> None:
    assert code_of(error) == code
