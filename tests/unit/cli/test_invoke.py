"""What ``pollerd invoke`` says of an event that it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from poller.cli.invoke import _event


def test_a_file_named_without_its_sign_is_pointed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "event.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"not JSON.*; @event.json reads it from the file"):
        _event("event.json")
    assert _event("@event.json") == b"{}"


@pytest.mark.parametrize("text", ["nonsense", "x" * 10_000, "\0"])
def test_other_text_is_called_what_it_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not JSON: [^;]*$"):
        _event(text)
