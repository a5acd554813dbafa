"""Errors of the client -> ``SourceError``: one table, and one sentence for each.

What AWS has a fixed sentence for begins with it (LastProcessingResult of Kafka mappings; reference: event source mappings, 1.6). Nothing
secret gets into a sentence: what a broker says when it refuses a login is not repeated.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass

from kafka import errors as client

from connectors.contract import Missing, OptionsError, Refused, SourceError, Throttled, Unreachable

LONGEST = 300  # characters of the client's own words

ERRNO = re.compile(r"KafkaConnectionError: (\d+) E[A-Z]+")
"""How the client tells what connecting said."""

LOGIN = (
    client.SaslAuthenticationFailedError,
    client.UnsupportedSaslMechanismError,
)
CLIENT_CERTIFICATE = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_UNKNOWN",
    "HANDSHAKE_FAILURE",
    "ACCESS_DENIED",
)
"""Alerts of TLS by which a server says that it does not like the client's certificate."""

OTHER_SHARING = (
    "other members of consumer group {group} share partitions in another way than cooperative-sticky: "
    "stop them, let them offer it too, or name another group"
)

SAME_INSTANCE = (
    "another member of consumer group {group} has come with this group_instance_id, and has the partitions now: "
    "give each daemon its own, and start this one anew"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Whom the errors are about. servers: brokers as configured. login: mechanism and user, or ""."""

    servers: str
    topic: str
    group: str
    login: str = ""


def translate(error: BaseException, place: Place) -> SourceError:
    """Return what the engine is told about an error of the client, or of the connection below it."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, ExceptionGroup):  # one for each of several brokers: a refusal says more than a silence
        told = [translate(each, place) for each in error.exceptions]
        return next((each for each in told if not isinstance(each, Unreachable)), told[0])
    if isinstance(error, OptionsError):  # files that were fine at start
        return Refused(str(error))
    if isinstance(error, LOGIN):
        said = type(error).__name__
        return Refused(f"SASL authentication failed: {place.servers} does not accept {place.login} ({said})")
    if isinstance(error, client.IllegalSaslStateError):
        return Refused(
            f"SASL authentication failed: {place.servers} takes no login: leave out sasl_mechanism, or name a listener that does"
        )
    tls = _tls_error(error)
    return _of_tls(tls, place) if tls is not None else _of_client(error, place)


def _of_client(error: BaseException, place: Place) -> SourceError:
    match error:
        case client.AuthorizationError():
            return Refused(f"Cluster failed to authorize Lambda: {_denied(error, place)}")
        case client.UnknownTopicOrPartitionError() | client.InvalidTopicError():
            return Missing(f"{place.servers} has no topic {place.topic}")
        case client.ThrottlingQuotaExceededError():
            return Throttled(f"{place.servers} asks for fewer calls")
        case client.RetriableError() | OSError():  # TimeoutError is one
            return Unreachable(f"cannot reach {place.servers}: {_words(error)}")
    return _of_settings(error, place)


def _of_settings(error: BaseException, place: Place) -> SourceError:
    """What asking again does not mend, and somebody can."""
    match error:
        case client.InvalidSessionTimeoutError():
            return Refused(f"{place.servers} does not allow this session_timeout_seconds")
        case client.FencedInstanceIdError():
            return Refused(SAME_INSTANCE.format(group=place.group))
        case client.InconsistentGroupProtocolError():
            return Refused(OTHER_SHARING.format(group=place.group))
        case client.UnsupportedCodecError():
            return SourceError(f"topic {place.topic} is compressed as nothing here can read: install pollerd[kafka]")
    return SourceError(f"the client of {place.servers} failed: {type(error).__name__}: {_words(error)}")


def _of_tls(error: ssl.SSLError, place: Place) -> SourceError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(f"Lambda failed to authenticate server: {place.servers}: {error.verify_message}")
    reason = (error.reason or "").upper()
    if any(alert in reason for alert in CLIENT_CERTIFICATE):
        return Refused(f"Server failed to authenticate Lambda: {place.servers}: {reason.replace('_', ' ').lower()}")
    return Unreachable(f"{place.servers} does not speak TLS as expected: {reason.replace('_', ' ').lower() or error}")


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """The error of TLS below it: among its arguments, or what it was raised from."""
    for cause in (error, *error.args, error.__cause__, error.__context__):
        if isinstance(cause, ssl.SSLError):
            return cause
    return None


def _denied(error: BaseException, place: Place) -> str:
    if isinstance(error, client.GroupAuthorizationFailedError):
        return f"no permission for consumer group {place.group}"
    if isinstance(error, client.TopicAuthorizationFailedError):
        return f"no permission for topic {place.topic}"
    return f"{type(error).__name__} at {place.servers}"


def _words(error: BaseException) -> str:
    if number := ERRNO.fullmatch(str(error)):
        return os.strerror(int(number[1])).lower()
    return (str(error) or type(error).__name__)[:LONGEST]
