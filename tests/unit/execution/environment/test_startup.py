"""What starts in an environment, from its spec."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from poller.execution.contract import FunctionSpec, Image, Logging
from poller.execution.environment.startup import DISABLE_EXTENSIONS, Startup, startup
from poller.execution.runtimes import own
from poller.execution.runtimes.contract import InvalidEntrypoint


def spec(folder: Path, **options: object) -> FunctionSpec:
    fields: dict[str, object] = {
        "name": "f", "version": "$LATEST", "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "task_root": str(folder), "runtime": "provided.al2023", "handler": "x", "timeout_seconds": 3, "memory_mb": 128,
    } | options  # fmt: skip
    return FunctionSpec(**fields)  # type: ignore[arg-type]  # fields by name


def image(root: Path, *argv: str) -> Image:
    return Image(
        root=root, digest="sha256:0", entrypoint=argv, cmd=(), environment={"A": "1"}, working_directory="/", user=""
    )


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "bootstrap").chmod(0o755)
    return folder


def plan(made: FunctionSpec, folder: Path, *, sandboxed: bool = True) -> Startup:
    return startup(made, folder / "state", sandboxed=sandboxed, temporary=folder / "tmp")


def test_a_sandbox_shows_package_and_layers_at_the_services_places(task: Path, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    (layers / "extensions").mkdir(parents=True)
    (layers / "extensions" / "watch").touch()
    found = plan(spec(task, layers_root=str(layers), ephemeral_storage_mb=600), tmp_path)
    assert found.layout.mounts == {"/var/task": str(task), "/opt": str(layers)}
    assert found.layout.temporary_bytes == 600 * 1024 * 1024
    assert found.extensions == {"watch": "/opt/extensions/watch"}
    assert found.launch.argv[0] == "/var/task/bootstrap"
    assert "TMPDIR" not in found.runtime_variables("127.0.0.1:9001", "t", "s")
    assert found.limits()["RLIMIT_NPROC"] == 1024


def test_the_log_is_described_in_variables_that_customers_may_override(task: Path, tmp_path: Path) -> None:
    text = plan(spec(task), tmp_path).runtime_variables("a", "t", "s")
    assert text["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert not {"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "_LAMBDA_TELEMETRY_LOG_FD"} & set(text)
    logging = Logging(json=True, application_level="WARN", system_level="INFO", group="g")
    found = plan(spec(task, logging=logging, environment={"AWS_LAMBDA_LOG_LEVEL": "DEBUG"}), tmp_path)
    json = found.runtime_variables("a", "t", "s")
    assert (json["AWS_LAMBDA_LOG_FORMAT"], json["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "DEBUG")
    assert json["AWS_LAMBDA_LOG_GROUP_NAME"] == "g"


def test_the_log_channel_is_told_to_clients_that_use_it_and_to_no_extension(task: Path, tmp_path: Path) -> None:
    found = plan(spec(task, runtime=own.IDENTIFIER), tmp_path)
    assert found.runtime_variables("a", "t", "s")["_LAMBDA_TELEMETRY_LOG_FD"] == "62"
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in found.extension_variables("a", "t", "s")


def test_several_at_once_are_told_to_the_client_which_then_writes_lines(task: Path, tmp_path: Path) -> None:
    found = plan(spec(task, runtime=own.IDENTIFIER, max_concurrency=4), tmp_path)
    assert found.runtime_variables("a", "t", "s")["AWS_LAMBDA_MAX_CONCURRENCY"] == "4"
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in found.runtime_variables("a", "t", "s")
    assert "AWS_LAMBDA_MAX_CONCURRENCY" not in found.extension_variables("a", "t", "s")
    assert "AWS_LAMBDA_MAX_CONCURRENCY" not in plan(spec(task), tmp_path).runtime_variables("a", "t", "s")


def test_an_init_is_told_with_the_runtime_that_it_starts(task: Path, tmp_path: Path) -> None:
    start = plan(spec(task), tmp_path).init_start("invoke", "stream")
    assert (start.phase, start.instance_id, start.instance_max_memory) == ("invoke", "stream", 128 << 20)
    assert start.runtime_version == "provided:al2023"
    assert re.fullmatch("arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}", start.runtime_version_arn)
    root = tmp_path / "root"
    root.mkdir()
    of_image = plan(spec(root, runtime="", image=image(root, "/run")), tmp_path).init_start("init", "stream")
    assert (of_image.runtime_version, of_image.runtime_version_arn) == ("", "")


def test_without_a_sandbox_paths_are_the_hosts(task: Path, tmp_path: Path) -> None:
    found = plan(spec(task), tmp_path, sandboxed=False)
    assert found.launch.argv[0] == str(task / "bootstrap")
    assert found.runtime_variables("127.0.0.1:1", "t", "s")["TMPDIR"] == str(tmp_path / "tmp")
    assert "RLIMIT_NPROC" not in found.limits(), "the kernel would count all of the daemon's user's"


def test_extensions_are_files_and_no_link_of_a_layer_leads_to_the_host(task: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "extensions").mkdir(parents=True)
    (outside / "extensions" / "secret").touch()
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "extensions").symlink_to(outside / "extensions")
    assert plan(spec(task, layers_root=str(linked)), tmp_path).extensions == {}
    (linked / "more").mkdir()
    (linked / "more" / "watch").touch()
    (linked / "extensions").unlink()
    (linked / "extensions").symlink_to("more")
    assert plan(spec(task, layers_root=str(linked)), tmp_path).extensions == {}


@pytest.mark.parametrize(
    ("opt", "folder", "found"),
    [
        ("/usr/opt", "/usr/opt/extensions", ["watch"]),
        ("usr/opt", "usr/opt/extensions", ["watch"]),
        ("../../usr/opt", "usr/opt/extensions", ["watch"]),  # above the root is the root
        ("{outside}", "usr/opt/extensions", []),
        ("opt", "usr/opt/extensions", []),  # a loop
    ],
)
def test_links_of_an_image_are_followed_inside_its_root(
    tmp_path: Path, opt: str, folder: str, found: list[str]
) -> None:
    outside = tmp_path / "outside"
    (outside / "extensions").mkdir(parents=True)
    (outside / "extensions" / "secret").touch()
    root = tmp_path / "root"
    target = root / folder.removeprefix("/")
    target.mkdir(parents=True)
    (target / "watch").symlink_to("/usr/bin/watch")  # there, or not: its start tells
    (target / "folder").mkdir()
    (root / "opt").symlink_to(opt.format(outside=outside))
    made = plan(spec(root, image=image(root, "/init")), tmp_path)
    assert made.extensions == {name: f"/opt/extensions/{name}" for name in found}


@pytest.mark.parametrize("target", ["../lib/extensions", "/lib/extensions"])
def test_the_folder_for_extensions_of_an_image_may_be_a_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "root" / "opt").mkdir(parents=True)
    (tmp_path / "root" / "lib" / "extensions").mkdir(parents=True)
    (tmp_path / "root" / "lib" / "extensions" / "watch").touch()
    (tmp_path / "root" / "opt" / "extensions").symlink_to(target)
    made = spec(tmp_path, image=image(tmp_path / "root", "/init"))
    assert plan(made, tmp_path).extensions == {"watch": "/opt/extensions/watch"}
    (tmp_path / "root" / "opt" / DISABLE_EXTENSIONS).touch()
    assert plan(made, tmp_path).extensions == {}


def test_the_services_own_switch_keeps_extensions_from_starting(task: Path, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    (layers / "extensions").mkdir(parents=True)
    (layers / "extensions" / "watch").touch()
    (layers / DISABLE_EXTENSIONS).touch()
    assert plan(spec(task, layers_root=str(layers)), tmp_path).extensions == {}


def test_an_image_brings_its_root_its_command_and_its_variables(tmp_path: Path) -> None:
    found = plan(spec(tmp_path, image=image(tmp_path, "/init", "now"), runtime="", handler=""), tmp_path)
    assert (found.layout.root, found.layout.mounts) == (tmp_path, {})
    assert found.launch.argv == ("/init", "now")
    variables = found.runtime_variables("127.0.0.1:9001", "t", "s")
    assert (variables["A"], variables["AWS_EXECUTION_ENV"]) == ("1", "AWS_Lambda_Image")
    assert "_HANDLER" not in variables


def test_a_relative_entry_point_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidEntrypoint):
        plan(spec(tmp_path, image=image(tmp_path, "init")), tmp_path)
