"""Deployment packages: what is refused, and in which words."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from poller.settings import package
from poller.settings.package import PackageError, check_python_handler, contents


def archive(file: Path, **members: bytes | str) -> Path:
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(name.replace("__", "/"), content)
    return file


def refusal(code: Path) -> tuple[str, str]:
    with pytest.raises(PackageError) as caught:
        contents(code)
    return str(caught.value).replace(str(code), "CODE"), caught.value.hint


def test_a_folder_s_files_are_found_at_every_depth(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "app.py").touch()
    (tmp_path / "a" / "b" / "c.py").touch()
    assert sorted(contents(tmp_path)) == ["a/b/c.py", "app.py"]


def test_an_archive_s_files_are_found_folders_are_none(tmp_path: Path) -> None:
    file = archive(tmp_path / "code.zip", **{"app.py": "", "sub__": "", "sub__mod.py": ""})
    assert contents(file) == ["app.py", "sub/mod.py"]


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
    sentence, hint = refusal(file)
    assert sentence.startswith("CODE cannot be unpacked: ")
    assert "encrypted" in sentence
    assert hint == "pack it anew without"


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py"])
def test_an_archive_that_leads_out_of_the_package(tmp_path: Path, name: str) -> None:
    file = archive(tmp_path / "code.zip", **{name: ""})
    assert refusal(file) == (f"CODE holds {name!r}, which leads out of the package", "")


def test_an_archive_with_a_link(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as opened:
        link = zipfile.ZipInfo("lib")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc")
    assert refusal(tmp_path / "code.zip") == ("CODE holds a link, 'lib'; links are not unpacked", "")


def test_a_package_may_be_as_big_as_aws_allows_and_no_bigger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert package.MOST_UNPACKED_BYTES == 262_144_000
    monkeypatch.setattr(package, "MOST_UNPACKED_BYTES", 10)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_bytes(b"x" * 10)
    file = archive(tmp_path / "code.zip", **{"app.py": b"x" * 10})
    assert contents(tmp_path / "code") == contents(file) == ["app.py"]
    (tmp_path / "code" / "more.py").write_bytes(b"x")
    archive(file, **{"app.py": b"x" * 11})
    too_big = ("unpacked it must be smaller than 10 bytes", "")
    assert refusal(tmp_path / "code") == refusal(file) == too_big


@pytest.mark.parametrize(("handler", "files"), [
    ("app.handler", ["app.py"]),
    ("app.handler", ["app/__init__.py"]),
    ("app.handler", ["app.cpython-311-x86_64-linux-gnu.so"]),
    ("pkg.mod.handler", ["pkg/mod.py"]),
    ("path/to/mod.handler", ["path/to/mod.py"]),
    ("path/to.mod.handler", ["path/to/mod.py"]),
    ("my-app.handler", ["my-app.py"]),
])  # fmt: skip
def test_a_handler_whose_file_is_in_the_package(handler: str, files: list[str]) -> None:
    check_python_handler(handler, files)


@pytest.mark.parametrize(("handler", "files", "sentence", "hint"), [
    ("ap.handler", ["app.py"], "the package has no ap.py for the handler 'ap.handler'", "there is app.py"),
    ("app.handler", ["src/app.py", "apq.py"], "the package has no app.py for the handler 'app.handler'", "there is src/app.py"),
    ("ap.handler", ["app/__init__.py"], "the package has no ap.py for the handler 'ap.handler'", "there is app/__init__.py"),
    ("app.handler", ["app.js"], "the package has no app.py for the handler 'app.handler'", "there is no Python file in it at all"),
    ("app.handler", ["zzz.py"], "the package has no app.py for the handler 'app.handler'", ""),
    ("app.handler", ["app.py/x"], "the package has no app.py for the handler 'app.handler'", "there is no Python file in it at all"),
    ("handler", ["handler.py"], "'handler' is not file.function", "app.handler is handler in app.py"),
    ("../app.handler", ["app.py"], "'../app.handler' is not file.function", "app.handler is handler in app.py"),
    ("/app.handler", ["app.py"], "'/app.handler' is not file.function", "app.handler is handler in app.py"),
    ("app.", ["app.py"], "'app.' is not file.function", "app.handler is handler in app.py"),
])  # fmt: skip
def test_a_handler_whose_file_is_not_in_the_package(handler: str, files: list[str], sentence: str, hint: str) -> None:
    with pytest.raises(PackageError) as caught:
        check_python_handler(handler, files)
    assert (str(caught.value), caught.value.hint) == (sentence, hint)
