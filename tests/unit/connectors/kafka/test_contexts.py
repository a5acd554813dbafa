"""TLS contexts: shared by who wants the same, made anew when a file has changed."""

from __future__ import annotations

import gc
import os
import ssl
import weakref
from pathlib import Path

import pytest

from connectors.contract import OptionsError
from connectors.kafka.contexts import tls_context
from connectors.kafka.options import TlsOptions
from tests.kafka_server import make_certificates
from tests.servers import Unavailable


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return make_certificates(tmp_path_factory.mktemp("certificates")).authority
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_who_wants_the_same_shares_and_nobody_keeps_it(authority: Path) -> None:
    one, same = TlsOptions(ca_file=str(authority)), TlsOptions(ca_file=str(authority))
    context = tls_context(one)
    assert tls_context(same) is context
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert tls_context(TlsOptions()) is not context
    gone = weakref.ref(context)
    del context
    gc.collect()
    assert gone() is None


def test_a_file_that_has_changed_is_read_again(authority: Path, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.read_bytes())
    tls = TlsOptions(ca_file=str(file))
    context = tls_context(tls)
    os.utime(file, (1, 1))
    assert tls_context(tls) is not context
    file.write_text("no certificate")
    with pytest.raises(OptionsError, match=r"the authorities in .*ca\.pem cannot be used"):
        tls_context(tls)
    file.unlink()
    with pytest.raises(OptionsError, match="No such file"):
        tls_context(tls)
