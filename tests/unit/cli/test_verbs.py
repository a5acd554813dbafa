"""Verbs and what they load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from poller import cli

HEAVY = {"aiobotocore", "aiohttp", "boto3", "botocore", "prometheus_client", "rich", "structlog", "uvloop", "yaml"}


def loaded_by(*arguments: str) -> set[str]:
    """Libraries that are loaded when the arguments have been understood."""
    program = f"""
import sys
from poller import cli
try:
    cli._parser({arguments[0]!r}).parse_args({list(arguments)!r})
except SystemExit:
    pass
print("loaded", *{{name.partition(".")[0] for name in sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return HEAVY & set(done.stdout.splitlines()[-1].split())


def test_help_loads_nothing_that_takes_time() -> None:
    assert loaded_by("--help") == set()


def test_the_daemon_loads_no_library_that_only_the_demo_or_a_terminal_needs() -> None:
    assert not {"boto3", "rich", "structlog"} & loaded_by("run")


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_describes_itself_and_can_be_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    assert f"usage: pollerd {name}" in capsys.readouterr().out
    assert callable(cli.module(name).call)


def test_an_unknown_verb_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["rnu"])
    assert end.value.code == 2
    assert "run" in capsys.readouterr().err
