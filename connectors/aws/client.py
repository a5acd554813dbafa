"""Clients of AWS-compatible servers: where requests go and as whom, and one client for all who ask the same.

Three rules hold here:

1. Real AWS is contacted only when ``allow_aws`` says so: not for records, not for credentials, and not because a server redirects there.
2. What is asked is decided once, when a source is built, and handed to the client in full; the client resolves nothing by itself.
3. A client costs megabytes and many connections share it; it lives as long as it has users, and inside one event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.session import Session

from connectors.aws.options import AwsOptions, check_endpoint, is_aws
from connectors.contract import OptionsError

DEFAULT_REGION = "us-east-1"
LOCAL_PROVIDERS = frozenset({"env", "shared-credentials-file", "config-file", "custom-process"})
"""Sources of credentials, in botocore's words, that ask nobody over the network."""
DUMMY_KEY = "test"
"""Key and secret for a server that is not AWS when no keys are to be found: local servers ask for some, and read none."""
ANSWER_SECONDS = 10.0
"""The longest that a server may take for an answer, long polls come on top. boto's own is 60, too long to notice a dead server."""
LONGEST_POLL = 20.0
OPENING_AT_ONCE = 8
"""Sources of one server that look for their queue or stream at a time. A request costs us a millisecond, so the line moves at the full
speed of a server some 10 ms away, and a record that is in hand meanwhile waits for as many milliseconds, not for a thousand."""


@dataclass(frozen=True)
class Target:
    """Where requests go and as whom; equal targets share a client. endpoint_url "": AWS itself, as botocore finds it."""

    service: str
    region: str
    endpoint_url: str
    profile: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    allow_aws: bool

    @property
    def of_aws(self) -> bool:
        """Whether this is real AWS."""
        return not self.endpoint_url or is_aws(self.endpoint_url)

    @property
    def server(self) -> str:
        """For people."""
        return self.endpoint_url or f"AWS in {self.region}"


def resolve(options: AwsOptions, service: str, *, region: str = "", origin: str = "") -> Target:
    """Decide where requests go, from options, environment and shared configuration file, without asking anybody.

    region: the one that the resource's own name gives, "" for none. origin: scheme, host and port of the resource's URL, used
    where no endpoint is configured. Raises ``OptionsError``, above all when that would be real AWS and ``allow_aws`` is off.
    """
    if bool(options.access_key_id) != bool(options.secret_access_key):
        raise OptionsError("access_key_id", "access_key_id and secret_access_key go together")
    if region and options.region not in {"", region}:
        raise OptionsError("region", f"is {options.region}, but the source lies in {region}; set region: {region} here")
    session = Session(
        profile=options.profile or None, include_builtin_handlers=False
    )  # the handlers are most of its cost
    try:
        endpoint_url = options.endpoint_url or _configured_endpoint(session, service) or origin
        region = region or options.region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    except BotoCoreError as error:
        raise OptionsError("profile", f"the shared AWS configuration does not help: {str(error).lower()}") from error
    target = Target(
        service=service,
        region=region or DEFAULT_REGION,
        endpoint_url=endpoint_url.rstrip("/"),
        profile=options.profile,
        access_key_id=options.access_key_id,
        secret_access_key=options.secret_access_key,
        session_token=options.session_token,
        allow_aws=options.allow_aws,
    )
    _guard(target)
    return target


async def acquire(target: Target) -> Any:
    """Return the client of a target, made by its first user. Give it back with ``release``.

    Raises what botocore raises for credentials that cannot be read.
    """
    shares = _shares.setdefault(asyncio.get_running_loop(), {})
    share = shares.setdefault(target, _Share())
    share.users += 1
    try:
        async with share.making:
            if share.client is None:
                share.client = await _make(target)
    except BaseException:
        await release(target)
        raise
    return share.client


async def release(target: Target) -> None:
    """Give up one hold on a target's client; the last one closes it."""
    shares = _shares[asyncio.get_running_loop()]
    share = shares[target]
    share.users -= 1
    if not share.users:
        del shares[target]
        if share.client is not None:
            await share.client.close()


def opening(target: Target) -> asyncio.Semaphore:
    """What a source holds while it looks for its queue or stream, between ``acquire`` and ``release``: a few do so at a time.

    So a thousand that start together, or find their server again together, come in a line instead of a crowd, and whoever
    works already is not held up behind all of them. Each server has a line of its own: one that hangs delays its own users only.
    """
    return _shares[asyncio.get_running_loop()][target].opening


@dataclass(eq=False)
class _Share:
    client: Any = None
    users: int = 0
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    opening: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(OPENING_AT_ONCE))


_shares: MutableMapping[asyncio.AbstractEventLoop, dict[Target, _Share]] = WeakKeyDictionary()


class _Descriptions(Loader):  # type: ignore[misc]  # botocore ships no types
    """What botocore knows of services, without its list of AWS's own endpoints: 7 MB that a client of another server never looks into.

    Such a client is built the way botocore builds one for a region that it does not know yet.
    """

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Data of that name and where it came from (botocore.loaders.Loader)."""
        if name == "endpoints":
            return {"partitions": [], "version": 3}, self.BUILTIN_DATA_PATH
        found: tuple[Any, str] = super().load_data_with_path(name)
        return found


class _Straight(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore ships no types
    """Connections that follow no redirect: a server that names another one is answered by an error, not by a request to that one.

    aiohttp follows by default, and aiobotocore lets it, boto itself does not (aiobotocore 3.10.0, observed 2026-11-25).
    """

    async def _get_session(self, proxy_url: str | None) -> Any:
        return _Unredirected(await super()._get_session(proxy_url))


@dataclass(frozen=True, slots=True)
class _Unredirected:
    """What ``AIOHTTPSession`` asks of a session."""

    session: Any

    def request(self, method: str, **told: Any) -> Any:
        """The request of aiohttp, which raises at the first redirect. As an answer botocore's S3 client would ask about it without end."""
        return self.session.request(method, max_redirects=1, **told)


_of_aws = Loader()  # both keep what they have read: most of the time that a first client takes
_of_others = _Descriptions()


def _configured_endpoint(session: Session, service: str) -> str:
    """Endpoint that environment or profile name: for the service, or for all."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return ""
    found = ConfiguredEndpointProvider(
        full_config=session.full_config, scoped_config=session.get_scoped_config(), client_name=service
    ).provide()
    return found or ""


def _guard(target: Target) -> None:
    if target.endpoint_url:
        check_endpoint(target.endpoint_url)
    if target.allow_aws or not target.of_aws:
        return
    where = f"{target.endpoint_url} is real AWS" if target.endpoint_url else f"this is {target.service} of real AWS"
    raise OptionsError(
        "endpoint_url",
        f"{where}, which is not contacted unless told to: "
        "set aws: {endpoint_url: http://...} for another server, or aws: {allow_aws: true}",
    )


async def _make(target: Target) -> Any:
    session = AioSession(profile=target.profile or None)
    session.register_component("data_loader", _of_aws if target.of_aws else _of_others)
    await _settle_credentials(session, target)
    client = session.create_client(
        target.service,
        region_name=target.region,
        endpoint_url=target.endpoint_url or None,
        verify=False
        if target.endpoint_url.startswith("http:")
        else None,  # nothing to verify; CA certificates cost a megabyte
        config=AioConfig(
            http_session_cls=AIOHTTPSession if target.of_aws else _Straight,
            user_agent="pollerd",  # boto's own is put together afresh for every request, a tenth of the request's cost
            connect_timeout=ANSWER_SECONDS,
            read_timeout=LONGEST_POLL + ANSWER_SECONDS,
            retries={"total_max_attempts": 1},  # the engine retries, and tells
            max_pool_connections=0,  # no limit: a long poll must never keep another source's delete waiting; the engine limits
            parameter_validation=False,  # what connectors send is of their own making
            s3={
                # bucket.localhost is a name that nobody has told the resolver, and the one old global endpoint is in the list only.
                "addressing_style": "auto" if target.of_aws else "path",
                "us_east_1_regional_endpoint": "regional",
            },
        ),
    )
    return await client.__aenter__()  # closed by release, whoever is the last


async def _settle_credentials(session: AioSession, target: Target) -> None:
    """See to it that the session has credentials, or that botocore's whole chain may look for them."""
    if target.access_key_id:
        session.set_credentials(target.access_key_id, target.secret_access_key, target.session_token or None)
    elif not target.allow_aws:
        chain = session.get_component("credential_provider")
        chain.providers = [provider for provider in chain.providers if provider.METHOD in LOCAL_PROVIDERS]
        if await session.get_credentials() is None:
            session.set_credentials(DUMMY_KEY, DUMMY_KEY)
