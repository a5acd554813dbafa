"""Packages on the shelf: there once, to the byte, for as long as somebody names them."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from poller.control import packages
from poller.settings.model import Settings
from poller.settings.package import PackageError


def zipped(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", text)
    return data.getvalue()


def test_a_package_is_kept_to_the_byte(tmp_path: Path) -> None:
    settings, data = Settings(state=str(tmp_path)), zipped("pass\n")
    found = packages.examined(data)
    assert (found.digest, found.size, found.unpacked) == (hashlib.sha256(data).hexdigest(), len(data), 5)
    for _ in range(2):
        packages.keep(found, data, settings)
    path = packages.path_of(found.digest, settings)
    assert path.read_bytes() == data
    assert [each.name for each in path.parent.iterdir()] == [found.reference]
    assert packages.unpacked_size(found.digest, settings) == 5


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"words"])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError):
        packages.examined(data)


def test_a_shelf_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("in the way")
    data = zipped("")
    with pytest.raises(PackageError, match="cannot be kept"):
        packages.keep(packages.examined(data), data, Settings(state=str(tmp_path)))


def test_packages_that_nobody_names_go_but_not_at_once(tmp_path: Path) -> None:
    settings = Settings(state=str(tmp_path))
    kept, gone, young = (packages.examined(zipped(text)) for text in ("a", "b", "c"))
    for package, text in ((kept, "a"), (gone, "b"), (young, "c")):
        packages.keep(package, zipped(text), settings)
    shelf = tmp_path / "code"
    (shelf / "folder").mkdir()
    for old in (kept, gone):
        os.utime(packages.path_of(old.digest, settings), (0, 0))
    assert packages.collect(shelf, {kept.digest}) == [packages.path_of(gone.digest, settings)]
    assert {path.name for path in shelf.iterdir()} == {kept.reference, young.reference, "folder"}
    assert packages.collect(tmp_path / "nowhere", set()) == []
