"""What a folder or a .zip holds: what is refused, and in which words."""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from poller.settings import code, package
from poller.settings.code import File, check_members, contents, opened
from poller.settings.package import PackageError, Room


def archive(file: Path, mode: Literal["w", "a"] = "w", /, **members: bytes | str) -> Path:
    with zipfile.ZipFile(file, mode) as opened:
        for name, content in members.items():
            opened.writestr(name.replace("__", "/"), content)
    return file


def refusal(file: Path) -> tuple[str, str]:
    with pytest.raises(PackageError) as caught:
        contents(file, Room())
    return str(caught.value).replace(str(file), "CODE"), caught.value.hint


def test_a_folder_s_files_are_found_at_every_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "app.py").touch()
    (tmp_path / "a" / "b" / "c.py").touch()
    assert sorted(contents(tmp_path, Room())) == ["a/b/c.py", "app.py"]


def test_an_archive_s_files_are_found_folders_are_none(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"app.py": "", "sub__": "", "sub__mod.py": ""})
    assert contents(file, Room()) == ["app.py", "sub/mod.py"]


def test_code_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x") == ("there is no CODE", "")


def test_a_file_that_is_no_archive_by_name(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    assert refusal(tmp_path / "app.py") == ("CODE is neither a folder nor a .zip", "")


def test_an_archive_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_text("not a zip")
    assert refusal(tmp_path / "code.zip") == ("CODE is no readable .zip: File is not a zip file", "pack it anew")


def test_an_archive_cut_short(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"app.py": "x" * 1000})
    file.write_bytes(file.read_bytes()[:-30])
    assert refusal(file) == ("CODE is no readable .zip: File is not a zip file", "pack it anew")


def test_an_archive_whose_content_does_not_match_its_checksum(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"app.py": b"handler = 1"})
    file.write_bytes(file.read_bytes().replace(b"handler = 1", b"handler = 2"))
    assert refusal(file) == ("CODE is damaged at 'app.py': the checksum does not match", "")


def test_an_archive_with_a_password(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"app.py": b"x"})
    content = bytearray(file.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    file.write_bytes(content)
    assert refusal(file) == ("CODE cannot be unpacked: 'app.py' is encrypted", "pack it anew without")


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py"])
def test_an_archive_that_leads_out_of_the_package(tmp_path: Path, name: str) -> None:
    file = archive(tmp_path / "code.zip", **{name: ""})
    assert refusal(file) == (f"CODE holds {name!r}, which leads out of the package", "")


def linked(file: Path, name: str, target: str) -> Path:
    with zipfile.ZipFile(file, "a") as opened:
        link = zipfile.ZipInfo(name)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, target)
    return file


@pytest.mark.parametrize(("name", "target"), [
    ("lib", "lib64"),
    ("a/b", "../c"),
    ("a/b", "/opt/lib"),
    ("cache", "/tmp/cache"),
    ("here", "."),
])  # fmt: skip
def test_a_link_that_stays_in_the_environment_is_kept(tmp_path: Path, name: str, target: str) -> None:
    assert contents(linked(tmp_path / "code.zip", name, target), Room()) == [name]


@pytest.mark.parametrize(("name", "target"), [
    ("lib", "/etc"),
    ("lib", "../etc"),
    ("a/b", "../../etc"),
    ("a/b", "/opt/../etc"),
    ("a/b", "/optional"),
    ("a/b", "../rooted/../../root"),
    ("lib", ""),
])  # fmt: skip
def test_a_link_that_leads_out_is_refused(tmp_path: Path, name: str, target: str) -> None:
    sentence = f"CODE holds a link, {name!r}, that leads out of the package: to {target!r}"
    assert refusal(linked(tmp_path / "code.zip", name, target)) == (sentence, "")


def test_nothing_may_lie_below_a_link_or_a_file(tmp_path: Path) -> None:
    through = archive(linked(tmp_path / "a.zip", "lib", "/tmp"), "a", **{"lib/x.py": b""})
    assert refusal(through) == ("CODE holds 'lib/x.py' below 'lib', which is no folder", "")
    below = archive(tmp_path / "b.zip", **{"lib/x/y/z.py": b"", "lib/x": b""})
    assert refusal(below) == ("CODE holds 'lib/x/y/z.py' below 'lib/x', which is no folder", "")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_devices_pipes_and_sockets_are_refused(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as opened:
        entry = zipfile.ZipInfo("null")
        entry.external_attr = (kind | 0o666) << 16
        opened.writestr(entry, "")
    sentence = "CODE holds 'null', which is neither a file nor a folder nor a link"
    assert refusal(tmp_path / "code.zip") == (sentence, "")


def test_the_last_member_of_a_name_counts(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        file = archive(archive(tmp_path / "code.zip", **{"a.py": b"first"}), "a", **{"a.py": b"second!"})
    with opened(file) as members:
        member = members["a.py"]
        assert isinstance(member, File)
        assert member.open().read() == b"second!"


def test_names_in_utf_8_are_read_whether_or_not_the_packer_said_so(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"größe.py": b""})
    assert contents(file, Room()) == ["größe.py"]
    content = bytearray(file.read_bytes())
    for header, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(header) + flags] &= ~0x08
    file.write_bytes(content)
    assert contents(file, Room()) == ["größe.py"]


def test_a_name_in_the_old_code_page_is_read_as_such(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"b__.py": b""})
    file.write_bytes(file.read_bytes().replace(b"b/.py", b"b\x81.py"))
    assert contents(file, Room()) == ["bü.py"]


def test_an_archive_in_zip64_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as opened, opened.open("a.py", "w", force_zip64=True) as member:
        member.write(b"x")
    assert contents(tmp_path / "code.zip", Room()) == ["a.py"]


def test_an_archive_has_bounds_that_take_no_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = archive(tmp_path / "a.zip", **{"a/" * 256 + "x": b""})
    assert refusal(deep) == ("CODE holds a member in 257 folders; 256 are allowed", "")
    monkeypatch.setattr(code, "MOST_MEMBERS", 2)
    many = archive(tmp_path / "b.zip", a=b"", b=b"", c=b"")
    assert refusal(many) == ("CODE holds 3 members; 2 are allowed", "")


def test_a_folder_used_in_place_may_have_what_a_copy_may_not(tmp_path: Path) -> None:
    (tmp_path / "shared").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert sorted(contents(tmp_path, Room())) == ["pipe", "shared"]
    with opened(tmp_path) as members, pytest.raises(PackageError, match="neither a file nor a folder"):
        check_members({"pipe": members["pipe"]}, tmp_path)
    with opened(tmp_path) as members, pytest.raises(PackageError, match="leads out of the package"):
        check_members({"shared": members["shared"]}, tmp_path)


def test_a_package_may_be_as_big_as_aws_allows_and_no_bigger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert package.MOST_UNPACKED_BYTES == 262_144_000
    monkeypatch.setattr(package, "MOST_UNPACKED_BYTES", 10)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_bytes(b"x" * 10)
    file = archive(tmp_path / "code.zip", **{"app.py": b"x" * 10})
    assert contents(tmp_path / "code", Room()) == contents(file, Room()) == ["app.py"]
    (tmp_path / "code" / "more.py").write_bytes(b"x")
    archive(file, **{"app.py": b"x" * 11})
    too_big = ("package and layers together must be smaller than 10 bytes unpacked", "")
    assert refusal(tmp_path / "code") == refusal(file) == too_big
