"""What TLS connections verify and show. The authorities of a host are near a megabyte in memory, so sources that want the same share them.

A file that has changed since makes another context, for whoever connects anew.
"""

from __future__ import annotations

import ssl
from collections.abc import Hashable, MutableMapping
from pathlib import Path
from weakref import WeakValueDictionary

from connectors.contract import OptionsError
from connectors.kafka.options import TlsOptions

_shared: MutableMapping[Hashable, ssl.SSLContext] = WeakValueDictionary()


def tls_context(tls: TlsOptions) -> ssl.SSLContext:
    """Return a context that verifies the server's certificate and its name, the same for all who ask alike. Raises ``OptionsError``."""
    key = (tls, *map(_stamp, (tls.ca_file or _of_host(), tls.certificate_file, tls.key_file)))
    context = _shared.get(key)
    if context is None:
        context = _shared[key] = _with_certificate(tls)
    return context


def _with_certificate(tls: TlsOptions) -> ssl.SSLContext:
    context = trusting(tls.ca_file, "tls")
    if tls.key_file and not tls.certificate_file:
        raise OptionsError("tls", "tls.key_file needs tls.certificate_file")
    if tls.certificate_file:
        try:  # a password must be given, or OpenSSL would ask for one at the terminal
            context.load_cert_chain(tls.certificate_file, tls.key_file or None, password=lambda: tls.key_password)
        except (OSError, ssl.SSLError) as error:
            reason = (
                error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else error.reason
            )
            files = " and ".join(filter(None, (tls.certificate_file, tls.key_file)))
            raise OptionsError(
                "tls", f"Provided certificate or private key is invalid: {files}: {reason or 'wrong key_password'}"
            ) from error
    return context


def trusting(ca_file: str, option: str) -> ssl.SSLContext:
    """Return a context without a certificate. option: to blame. Raises ``OptionsError``."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise OptionsError(option, f"the authorities in {ca_file} cannot be used: {error.strerror or error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _of_host() -> str:
    """The file with the authorities of this host; "" where they are elsewhere."""
    return ssl.get_default_verify_paths().cafile or ""


def _stamp(file: str) -> tuple[int, int] | None:
    """What changes when a file does; None without one."""
    try:
        found = Path(file).stat() if file else None
    except OSError:  # who loads it says so
        return None
    return (found.st_mtime_ns, found.st_size) if found else None
