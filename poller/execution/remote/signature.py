"""Signed requests to services of AWS: botocore finds the keys and makes the signature (AWS Signature Version 4), as in every AWS client.

Not imported before somebody signs: it takes megabytes.
"""

from __future__ import annotations

import asyncio

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from poller.execution.contract import CredentialsError, Elsewhere


class Signer:
    """Signs as one identity: the keys that are named, else what botocore's chain finds, renewed by it when they run out."""

    def __init__(self, where: Elsewhere, service: str = "lambda") -> None:
        self._service = service
        self._region = where.region
        self._profile = where.profile
        self._found: Credentials | None = None
        if where.access_key_id:
            self._found = Credentials(where.access_key_id, where.secret_access_key, where.session_token or None)
        self._named = self._found is not None

    async def sign(self, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """The headers of a POST, with those of the signature; the URL's path is as it goes over the wire. Raises CredentialsError."""
        keys = (
            self._keys() if self._named else await asyncio.to_thread(self._keys)
        )  # a role's keys come over the network
        request = AWSRequest("POST", url, headers=headers, data=body)
        SigV4Auth(keys, self._service, self._region).add_auth(request)
        return dict(request.headers.items())

    def _keys(self) -> ReadOnlyCredentials:
        try:
            if self._found is None:
                self._found = Session(profile=self._profile or None).get_credentials()
            if self._found is None:
                raise CredentialsError("no AWS credentials are to be found to sign with")
            return self._found.get_frozen_credentials()
        except BotoCoreError as error:
            raise CredentialsError(f"no AWS credentials to sign with: {str(error).lower()}") from error
