"""compose.yaml, Dockerfile and config/compose as documents: what can be known of them without an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from poller.settings.load import load
from poller.settings.model import Settings
from tests.compose import BOARD, FILES, HOUSE

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((HOUSE / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The daemon's configuration as the container sees it: pollerd.yaml beside the secret, and the functions."""
    folder = tmp_path_factory.mktemp("compose")
    for name in ("pollerd.yaml", "secrets.sh", "functions"):
        (folder / name).symlink_to(FILES / name)
    subprocess.run(["sh", folder / "secrets.sh"], check=True, capture_output=True)
    (folder / "access.yaml").symlink_to(folder / "secrets" / "access.yaml")
    return load(folder)


@pytest.mark.parametrize("file", ["compose.yaml", "config/compose/sandbox.yaml"])
def test_the_compose_specification_knows_every_key(file: str) -> None:
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(HOUSE / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_and_open_on_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":(v?\d|local$)", service["image"]), "an image without a version changes by itself"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["restart"] == "unless-stopped"
    assert name == "pollerd" or "healthcheck" in service, "pollerd's is in its image"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_and_waits_for_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.partition(":")[0]
        assert not source.startswith(".") or (HOUSE / source).exists(), source
    assert set(SERVICES[name].get("depends_on", ())) <= set(SERVICES)


def test_the_drain_ends_before_the_engine_loses_patience(settings: Settings) -> None:
    assert int(SERVICES["pollerd"]["stop_grace_period"].removesuffix("s")) > settings.stop_timeout_seconds


def test_the_port_that_is_published_asks_for_keys_that_nobody_else_has(settings: Settings) -> None:
    assert settings.http.listen == "0.0.0.0:9870"
    assert (
        len(settings.http.keys["compose"].secret_access_key) == len(settings.http.token) == 48
    )  # 24 bytes in hexadecimal
    assert settings.http.keys["compose"].secret_access_key != settings.http.token


def test_secrets_are_made_once_and_closed_to_other_users(tmp_path: Path) -> None:
    (tmp_path / "secrets.sh").symlink_to(FILES / "secrets.sh")
    command = ["sh", str(tmp_path / "secrets.sh")]
    subprocess.run(command, check=True, capture_output=True)
    folder = tmp_path / "secrets"
    first = {file.name: file.read_text() for file in folder.iterdir()}
    subprocess.run(command, check=True, capture_output=True)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert folder.stat().st_mode & 0o077 == 0


def test_every_server_of_the_configuration_is_a_service() -> None:
    text = (FILES / "pollerd.yaml").read_text()
    named = set(re.findall(r"http://(\w+):|host: (\w+)|\"(\w+):9092\"", text))
    assert {name for found in named for name in found if name} == {"sqs", "reports", "redis", "kafka"} <= set(SERVICES)


def test_the_image_is_small_pinned_and_nobody_s_root() -> None:
    text = re.sub(r"\\\n", " ", (HOUSE / "Dockerfile").read_text())
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    last = [index for index, (word, _) in enumerate(steps) if word == "FROM"][-1]
    stage = dict(steps[last:])
    assert re.fullmatch(r"PYTHON_IMAGE=python:\d+\.\d+-slim-\w+", dict(steps)["ARG"])
    assert stage["USER"].split(":")[0].isdigit(), "an engine can tell a number from root's, but not a name"
    assert stage["ENTRYPOINT"].startswith("["), "a shell would not pass SIGTERM on"
    assert stage["CMD"].startswith("[")
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert "pollerd" in stage["HEALTHCHECK"]
    for word, rest in steps:
        assert word != "ADD"
        if "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists/*" in rest
        assert "pip install" not in rest or "--no-cache-dir" in rest


def test_what_is_copied_into_the_image_is_let_in() -> None:
    let_in = set(re.findall(r"^!(.+)$", (HOUSE / ".dockerignore").read_text(), re.MULTILINE))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (HOUSE / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == let_in
    assert all((HOUSE / name).exists() for name in let_in)


def test_the_board_can_be_provisioned() -> None:
    folder = FILES / "grafana" / "provisioning"
    [source] = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert (BOARD["uid"], BOARD.get("id")) == ("pollerd", None)
    assert BOARD["schemaVersion"] >= 39
    asked = [
        thing for panel in BOARD["panels"] for thing in [panel, *panel.get("targets", [])] if panel["type"] != "row"
    ]
    assert {thing["datasource"]["uid"] for thing in [*asked, *BOARD["templating"]["list"]]} == {source["uid"]}


def test_panels_lie_beside_each_other_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert all(target["legendFormat"] for target in panel.get("targets", []))
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
