"""Options -> what the client needs to connect and to log in."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from kafka.net.sasl.oauth import AbstractTokenProvider

from connectors.contract import OptionsError, Refused, SourceError, Unreachable
from connectors.kafka.contexts import tls_context, trusting
from connectors.kafka.options import OAUTHBEARER, KafkaOptions, OauthOptions, is_url

TOKEN_SECONDS = 10.0  # for one request to the token endpoint
EARLY_SECONDS = 60.0  # a token is replaced so long before it ends, or at half its life
LONGEST_ANSWER = 1 << 20  # bytes of a token endpoint's answer


def client_config(options: KafkaOptions, tokens: Tokens | None) -> dict[str, Any]:
    """Return the client's settings of security. Raises ``OptionsError`` for certificates that cannot be used; reads their files."""
    protocol = ("SASL_" if options.sasl_mechanism else "") + ("SSL" if options.tls else "PLAINTEXT")
    config: dict[str, Any] = {"security_protocol": protocol}
    if options.tls:
        config["ssl_context"] = tls_context(options.tls)
    if options.sasl_mechanism:
        config["sasl_mechanism"] = options.sasl_mechanism
    if options.sasl_mechanism == OAUTHBEARER:
        config["sasl_oauth_token_provider"] = tokens
    elif options.sasl_mechanism:
        config |= {"sasl_plain_username": options.username, "sasl_plain_password": options.password}
    return config


class Tokens(AbstractTokenProvider):  # type: ignore[misc] # the client has no types
    """Access tokens by client credentials, kept until shortly before they end.

    The client asks from its own thread, whenever it logs in; the first is fetched before it does (``fetch``), so that what is wrong with
    the endpoint is told in words.
    """

    def __init__(self, oauth: OauthOptions) -> None:
        super().__init__()
        self._oauth = oauth
        self._context = trusting(oauth.ca_file, "oauth")
        self._lock = threading.Lock()
        self._token = ""
        self._due = 0.0

    def token(self) -> str:
        """Return a token that is valid for a while. Blocks up to ``TOKEN_SECONDS``. Raises ``SourceError``."""
        with self._lock:
            if time.monotonic() >= self._due:
                self._token, lifetime = self._ask()
                self._due = time.monotonic() + max(lifetime - EARLY_SECONDS, lifetime / 2)
            return self._token

    def extensions(self) -> Mapping[str, str]:
        """Return what goes to the brokers beside the token (RFC 7628, section 3.1)."""
        oauth = self._oauth
        named = {"logicalCluster": oauth.logical_cluster, "identityPoolId": oauth.identity_pool}
        return {name: value for name, value in named.items() if value}

    def _ask(self) -> tuple[str, float]:
        """Return a token and the seconds it lives. What the endpoint says is not repeated: it may hold what we sent."""
        oauth = self._oauth
        form = {"grant_type": "client_credentials", "client_id": oauth.client_id, "client_secret": oauth.client_secret}
        form |= {key: value for key, value in (("scope", oauth.scope), ("audience", oauth.audience)) if value}
        request = urllib.request.Request(  # noqa: S310 - checked in check_oauth
            oauth.token_endpoint_url, urllib.parse.urlencode(form).encode(), {"Accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TOKEN_SECONDS, context=self._context) as response:  # noqa: S310  # the URL is the operator's
                answer = json.loads(response.read(LONGEST_ANSWER))
            return str(answer["access_token"]), float(answer.get("expires_in", 300))
        except urllib.error.HTTPError as error:
            error.close()
            wrong = error.code // 100 == 4  # noqa: PLR2004 - a class of HTTP status
            kind = Refused if wrong else Unreachable
            raise kind(
                f"SASL authentication failed: {oauth.token_endpoint_url} gives no token (HTTP {error.code})"
            ) from None
        except OSError as error:
            raise Unreachable(f"cannot reach {oauth.token_endpoint_url}: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SourceError(f"what answers at {oauth.token_endpoint_url} is no token endpoint") from None


def check_oauth(oauth: OauthOptions) -> None:
    """Raise ``OptionsError`` for an endpoint that can never be asked."""
    if not is_url(oauth.token_endpoint_url):
        raise OptionsError(
            "oauth", "oauth.token_endpoint_url is not the URL of a server, such as https://login.example.com/token"
        )
