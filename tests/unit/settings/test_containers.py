"""A function that a container engine runs: how its image is named, and what is said of one that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from poller.control.code import unpacked
from poller.control.state import freeze, thaw
from poller.execution.contract import EngineImage
from poller.settings.containers import fixed_digest, is_image_name
from poller.settings.load import load
from poller.settings.model import ImageCode
from tests.unit.settings.pretended import MAPPING, Write, complaints

HERE = "{code: ./code, runtime: python3.11, handler: app.handler}"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def text(function: str) -> str:
    assert HERE in MAPPING
    return MAPPING.replace(HERE, f"{{driver: container, {function}}}")


def test_the_name_of_an_image_is_no_path(write: Write) -> None:
    settings = load(write(text("code: {image: ghcr.io/team/orders:1, pull: always}, image_config: {command: [a.b]}")))
    function = settings.functions["orders"]
    assert function.code == ImageCode(image="ghcr.io/team/orders:1", pull="always")
    assert unpacked(function, Path("/nowhere"))["engine_image"] == EngineImage(
        name="ghcr.io/team/orders:1", pull="always", cmd=("a.b",)
    )


@pytest.mark.parametrize("name", [
    "orders", "orders:1", "team/orders", "localhost/orders:1", "127.0.0.1:5000/team/orders:v1.2-rc", f"orders@{DIGEST}",
    f"public.ecr.aws/lambda/python:3.12@{DIGEST}", "a__b/c--d", "REGISTRY.example.com/x",
])  # fmt: skip
def test_names_that_engines_understand(name: str) -> None:
    assert is_image_name(name)


@pytest.mark.parametrize(
    "name", ["", "./orders", "/srv/orders.tar", "Orders", "orders:", "docker://orders", "a b", f"orders@{DIGEST[:-1]}"]
)
def test_names_that_they_do_not(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize(("function", "complaint"), [
    ("code: {image: ./orders.tar}", "code.image: './orders.tar' is no name of an image"),
    ("code: ./code", "code: a container engine runs images only"),
    ("code: {image: 'a:1'}, handler: app.handler", "handler: Please don't provide Handler"),
    ("code: {image: 'a:1'}, network: shared", "network: a container has no part in the host's network"),
    ("code: {image: 'a:1'}, host_ports: [9001]", "host_ports: port 9001 is that of the Runtime API inside"),
])  # fmt: skip
def test_what_cannot_work_is_said(write: Write, function: str, complaint: str) -> None:
    [said] = complaints(write(text(function)))
    assert f"functions.orders.{complaint}" in said


def test_a_pull_policy_is_for_engines(write: Write) -> None:
    Path("image").mkdir()
    [said] = complaints(write(MAPPING.replace(HERE, "{code: {image: ./image, pull: always}}")))
    assert "functions.orders.code.pull: only an engine fetches images; driver: container has one do it" in said


@pytest.mark.parametrize("network", ["host", "container:other", "''"])
def test_the_host_s_network_is_not_given(write: Write, network: str) -> None:
    [said] = complaints(write(MAPPING + f"container: {{network: {network}}}\n"))
    assert "is not a network of the engine; the host's and that of other containers are none" in said


def test_a_version_keeps_the_name_with_its_digest(write: Write) -> None:
    name = f"ghcr.io/team/orders@{DIGEST}"
    function = load(write(text(f"code: {{image: '{name}'}}"))).functions["orders"]
    frozen = freeze(function, package=str, image=str)
    assert thaw(frozen, Path("/shelf")).code == ImageCode(image=name)
    assert (fixed_digest(name), fixed_digest("orders:1")) == (DIGEST.partition(":")[2], "")
