"""Functions from container images, made from scratch here and run without an engine, in their own root file system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from poller.execution import image
from poller.execution.contract import FunctionSpec, Invocation, Result, Status
from poller.execution.process import ProcessDriver
from poller.execution.sandbox.isolation import unavailable
from tests.images import Entry, file, folder, layout, link, tar
from tests.integration.runtimes.conftest import package_of, runtime_of, state  # noqa: F401  # fixtures

SHELL = """#!/bin/sh
url=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
say() { head=$(printf 'HTTP/1.1'); printf '%s' "$1"; }
while true; do
    wget -q -S -O /tmp/event "$url/next" 2>/tmp/headers || exit 1
    id=$(sed -n 's/.*Lambda-Runtime-Aws-Request-Id: *//p' /tmp/headers | tr -d '\\r')
    wget -q -O /dev/null --post-data "$(sh -c "$1" | sed 's/.*/"&"/' | tr '\\n' ',' | sed 's/^/[/; s/,$/]/')" "$url/$id/response" || exit 1
done
"""
"""A runtime of busybox alone: each event is answered with the lines that its CMD prints."""

EXTENSION = """#!/bin/sh
url=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
wget -q -S -O /tmp/about --header 'Lambda-Extension-Name: watch' --post-data '{"events": []}' "$url/register" 2>/tmp/registered
id=$(sed -n 's/.*Lambda-Extension-Identifier: *//p' /tmp/registered | tr -d '\\r')
echo "$0" > /tmp/seen
exec wget -q -O /tmp/event-of-extension --header "Lambda-Extension-Identifier: $id" "$url/event/next"
"""

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Load a layout, run one event; options: of the image as the function's ImageConfig replaces them."""
    if reason := unavailable():
        pytest.skip(reason)
    driver = ProcessDriver(tmp_path / "state", lambda _: None, "bubblewrap")
    tmp_path.chmod(0o755)

    async def once(source: Path, network: str = "none", **config: Any) -> Result:
        loaded = replace(image.load(str(source), tmp_path / "state"), **config)
        spec = FunctionSpec(
            name="f", version="$LATEST", arn=ARN, task_root=str(loaded.root), runtime="", handler="", image=loaded,
            timeout_seconds=20.0, memory_mb=512, network=network,
        )  # fmt: skip
        assert driver.problems(spec) == []
        environment = driver.environment(spec)
        await environment.start()
        try:
            return await environment.invoke(
                Invocation(request_id=str(uuid.uuid4()), payload=b'{"do": "echo"}', function_arn=ARN)
            )
        finally:
            await environment.stop()

    yield once
    await driver.close()


def busybox() -> bytes:
    """A static one of the host's."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("busybox is not installed (Debian: busybox-static)")
    if "statically" not in subprocess.run(["file", "-L", program], capture_output=True, text=True, check=False).stdout:
        pytest.skip("this busybox is not static (Debian: busybox-static)")
    return Path(program).read_bytes()


def shell_image(path: Path, *more: Entry, **config: Any) -> Path:
    applets = [
        link(f"bin/{name}", "busybox")
        for name in ["sh", "wget", "sed", "tr", "cat", "id", "ls", "pwd", "env", "printf"]
    ]
    programs = [folder("bin/"), file("bin/busybox", busybox(), 0o755), *applets, file("entry", SHELL, 0o755)]
    return layout(path, tar(*programs, *more), **{"Entrypoint": ["/entry"], "Cmd": ["pwd"], **config})


def lines(result: Result) -> list[str]:
    assert result.ok, result.payload.decode()
    found: list[str] = json.loads(result.payload)
    return found


async def test_a_static_program_in_an_empty_image(
    run: Run,
    tmp_path: Path,
    package_of: Callable[[str], Path],  # noqa: F811
) -> None:
    """Go's own client, and neither /etc nor /tmp nor /proc in the image."""
    program = (package_of("go") / "bootstrap").read_bytes()
    source = layout(tmp_path / "image", tar(file("app", program, 0o755)), Entrypoint=["/app"])
    result = await run(source)
    assert result.ok, result.payload
    assert json.loads(result.payload)["event"]["do"] == "echo"


async def test_entrypoint_command_and_working_directory(run: Run, tmp_path: Path) -> None:
    source = shell_image(tmp_path / "image", folder("work/"), WorkingDir="/work")
    assert lines(await run(source)) == ["/work"]
    assert lines(await run(source, cmd=("pwd; pwd",))) == ["/work", "/work"]
    assert lines(await run(source, working_directory="/bin")) == ["/bin"]
    replaced = ("/bin/sh", "/entry")
    assert lines(await run(source, entrypoint=replaced, cmd=("printf 'a\\nb\\n'",))) == ["a", "b"]


async def test_folders_that_the_image_lacks_are_there(run: Run, tmp_path: Path) -> None:
    result = await run(shell_image(tmp_path / "image"), cmd=("ls / /proc/self/fd /dev; cat /etc/hosts; id -un",))
    seen = lines(result)
    assert {"etc", "proc", "tmp", "dev", "null", "urandom"} <= set(seen)
    assert "sbx_user1051" in seen
    assert any(line.startswith("127.0.0.1") for line in seen)


async def test_an_image_keeps_its_own_users(run: Run, tmp_path: Path) -> None:
    own = file("etc/passwd", "somebody:x:993:990::/:/bin/sh\n")
    source = shell_image(tmp_path / "image", folder("etc/"), own)
    assert lines(await run(source, cmd=("cat /etc/passwd",))) == ["somebody:x:993:990::/:/bin/sh"]


@pytest.mark.parametrize("target", ["/etc", "/", "/oldroot/etc", "../../../etc"])
async def test_links_in_an_image_do_not_lead_to_the_host(run: Run, tmp_path: Path, target: str) -> None:
    source = shell_image(tmp_path / "image", link("etc", target))
    seen = lines(await run(source, cmd=("ls -A /etc",)))
    assert set(seen) <= {"hosts", "passwd", "group", "resolv.conf"}


async def test_extensions_of_an_image_are_found_behind_its_links(run: Run, tmp_path: Path) -> None:
    links = [link("opt", "/usr/opt"), link("usr/opt/extensions", "../../lib/extensions")]
    program = file("lib/extensions/watch", EXTENSION, 0o755)
    source = shell_image(tmp_path / "image", folder("usr/"), folder("usr/opt/"), *links, program)
    assert lines(await run(source, cmd=("cat /tmp/seen",))) == ["/opt/extensions/watch"]


async def test_a_root_is_read_only_and_tmp_is_not(run: Run, tmp_path: Path) -> None:
    source = shell_image(tmp_path / "image", folder("tmp/"), folder("data/", mode=0o777))
    tried = "for d in / /bin /data /etc /tmp; do (: > $d/x) 2>/dev/null && pwd >/dev/null && printf '%s\\n' $d; done"
    assert lines(await run(source, cmd=(tried,))) == ["/tmp"]


async def test_a_variable_of_the_image_and_the_platforms(run: Run, tmp_path: Path) -> None:
    source = shell_image(tmp_path / "image", Env=["OF=the image", "PATH=/bin"])
    seen = lines(await run(source, cmd=("env",)))
    assert "OF=the image" in seen
    assert "AWS_LAMBDA_FUNCTION_NAME=f" in seen
    assert not any(line.startswith("_HANDLER=") for line in seen)


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        ({"working_directory": "/no/such"}, "Runtime.InvalidWorkingDir", "chdir /no/such: no such file or directory"),
        ({"working_directory": "/entry"}, "Runtime.InvalidWorkingDir", "chdir /entry: not a directory"),
        ({"entrypoint": ("entry",)}, "Runtime.InvalidEntrypoint", "fork/exec entry: no such file or directory"),
        ({"entrypoint": ("/gone",)}, "Runtime.InvalidEntrypoint", "fork/exec /gone: no such file or directory"),
        ({"entrypoint": ("/bin",)}, "Runtime.InvalidEntrypoint", "fork/exec /bin: permission denied"),
        ({"entrypoint": ("/etc/hosts",)}, "Runtime.InvalidEntrypoint", "fork/exec /etc/hosts: permission denied"),
        ({"entrypoint": ("/junk",)}, "Runtime.InvalidEntrypoint", "fork/exec /junk: exec format error"),
    ],
)
async def test_what_cannot_be_started_is_said_in_awss_words(
    run: Run, tmp_path: Path, config: dict[str, Any], kind: str, message: str
) -> None:
    result = await run(shell_image(tmp_path / "image", file("junk", b"\x7fELF junk", 0o755)), **config)
    assert (result.status, result.error_type) == (Status.FAILURE, kind), result.payload
    assert json.loads(result.payload) == {
        "errorType": kind,
        "errorMessage": f"RequestId: {result.request_id} Error: {message}",
    }


async def test_an_image_for_a_daemon_without_a_sandbox_is_a_problem(tmp_path: Path) -> None:
    loaded = image.load(str(layout(tmp_path / "image", tar(file("app", b"", 0o755)), Entrypoint=["/app"])), tmp_path / "state")  # fmt: skip
    driver = ProcessDriver(tmp_path / "state", lambda _: None, "none")
    spec = FunctionSpec(
        name="f", version="1", arn=ARN, task_root=os.fspath(loaded.root), runtime="", handler="", image=loaded,
        timeout_seconds=1, memory_mb=128,
    )  # fmt: skip
    (problem,) = driver.problems(spec)
    assert "the image has a root file system of its own, which takes a sandbox" in problem
