"""What each runtime starts, and with which variables, as on AWS under a sandbox and at host paths without one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from poller.execution.contract import FunctionSpec
from poller.execution.environment.variables import variables
from poller.execution.runtimes import java
from poller.execution.runtimes.catalogue import STARTS, WAITING, language
from poller.execution.runtimes.contract import InvalidEntrypoint, Launch, Places
from poller.execution.runtimes.installed import Build
from poller.execution.runtimes.managed import ManagedRuntime
from poller.execution.runtimes.provided import ProvidedRuntime

TASK, OPT = Path("/srv/code"), Path("/srv/layers")
SPEC = FunctionSpec(
    name="f",
    version="$LATEST",
    arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    task_root=str(TASK),
    runtime="",
    handler="app.handler",
    timeout_seconds=3,
    memory_mb=1000,
)


def managed(identifier: str, interpreter: str, prefix: str = "", *, rooted: bool = False) -> ManagedRuntime:
    build = Build(
        identifier=identifier,
        folder=Path("/state/build"),
        version="1",
        client="c",
        interpreter=interpreter,
        prefix=prefix,
        rooted=rooted,
        seen=("/etc/settings",),
    )
    taken_apart = language(identifier)
    assert taken_apart is not None
    waits = taken_apart.name in WAITING
    return ManagedRuntime(build, taken_apart.name, taken_apart.version, STARTS[taken_apart.name], waits=waits)


def in_sandbox(runtime: ManagedRuntime, opt: Path | None = OPT) -> Launch:
    return runtime.launch(SPEC, Places.sandboxed(TASK, opt))


def test_python_in_a_sandbox_is_at_awss_places() -> None:
    launch = in_sandbox(managed("python3.12", "bin/python3.12", "/home/python"))
    assert launch.argv == ("/var/lang/bin/python3.12", "-S", "/var/runtime/bootstrap.py", "app.handler", "/opt")
    assert launch.directory == "/var/task"
    assert launch.root is None
    assert launch.mounts == (
        (Path("/state/build/client"), "/var/runtime"),
        (Path("/home/python"), "/var/lang"),
        (Path("/etc/settings"), "/etc/settings"),
    )
    assert launch.environment == {
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "PWD": "/var/task",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "PYTHONPATH": "/var/runtime",
    }


def test_python_can_wait_before_the_function() -> None:
    launch = in_sandbox(managed("python3.12", "bin/python3.12", "/home/python"))
    assert launch.held == (*launch.argv, "3")
    assert in_sandbox(managed("nodejs22.x", "bin/node", "lang")).held == ()


@pytest.mark.parametrize(
    ("variable", "waits"),
    [
        *(("LD_PRELOAD", False), ("PYTHONPATH", False), ("PYTHONHOME", False), ("AWS_LAMBDA_EXEC_WRAPPER", False)),
        *(("PYTHONUNBUFFERED", True), ("TABLE", True)),
    ],
)
def test_python_does_not_wait_where_it_would_have_loaded_code_of_the_function(variable: str, *, waits: bool) -> None:
    spec = dataclasses.replace(SPEC, environment={variable: "x"})
    launch = managed("python3.12", "bin/python3.12").launch(spec, Places.sandboxed(TASK))
    assert bool(launch.held) is waits


def test_without_a_sandbox_every_path_is_the_hosts() -> None:
    launch = managed("python3.9", "bin/python3.9", "/home/python").launch(SPEC, Places.on_host(TASK))
    assert launch.argv == ("/home/python/bin/python3.9", "-S", "/state/build/client/bootstrap.py", "app.handler", "")
    assert (launch.directory, launch.mounts) == ("/srv/code", ())
    assert launch.environment["PATH"] == "/home/python/bin:/usr/local/bin:/usr/bin:/bin"
    assert "LC_CTYPE" not in launch.environment  # from 3.12 on


def test_an_interpreter_under_usr_has_no_lang() -> None:
    launch = in_sandbox(managed("python3.11", "/usr/bin/python3.11"))
    assert launch.argv[0] == "/usr/bin/python3.11"
    assert launch.environment["PATH"].startswith("/usr/local/bin:")
    assert "/var/lang" not in [inside for _, inside in launch.mounts]


def test_a_root_file_system_belongs_to_the_launch() -> None:
    assert in_sandbox(managed("python3.13", "/usr/bin/python3.13", rooted=True)).root == Path("/state/build/root")


def test_parts_of_a_client_are_mounted_one_by_one() -> None:
    build = Build(
        identifier="python3.11", folder=Path("/b"), version="1", client="c", interpreter="/usr/bin/python3.11",
        parts=(("", "/b/mounted"), ("boto3", "/site/boto3")),
    )  # fmt: skip
    launch = in_sandbox(ManagedRuntime(build, "python", "3.11", STARTS["python"]))
    assert launch.mounts == ((Path("/b/mounted"), "/var/runtime"), (Path("/site/boto3"), "/var/runtime/boto3"))


def test_node_finds_layers_then_its_own_modules() -> None:
    launch = in_sandbox(managed("nodejs22.x", "bin/node", "lang"))
    assert launch.argv == (
        *("/var/lang/bin/node", "--max-old-space-size=900"),
        *("--import=/var/runtime/node_path.mjs", "/var/runtime/index.mjs"),
    )
    assert launch.environment["NODE_PATH"] == (
        "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert (Path("/state/build/lang"), "/var/lang") in launch.mounts
    alone = in_sandbox(managed("nodejs22.x", "bin/node", "lang"), opt=None)
    assert alone.environment["NODE_PATH"] == "/var/runtime/node_modules:/var/runtime:/var/task"


def test_java_gets_its_share_of_the_memory_and_finds_layers_at_opt_by_itself() -> None:
    launch = in_sandbox(managed("java21", "/usr/lib/jvm/21/bin/java"))
    assert launch.argv[0] == "/usr/lib/jvm/21/bin/java"
    assert "-XX:MaxHeapSize=870400k" in launch.argv
    assert launch.argv[-4:] == ("-classpath", "/var/runtime/lib/*", java.MAIN, "app.handler")
    host = managed("java8.al2", "/usr/lib/jvm/8/bin/java").launch(SPEC, Places.on_host(TASK, OPT))
    assert host.argv[-3] == "/state/build/client/lib/*:/srv/layers/java/lib/*"
    assert not any(option.startswith("--add-opens") for option in host.argv)


def test_ruby_finds_gems_of_the_package_of_layers_and_of_the_runtime() -> None:
    launch = in_sandbox(managed("ruby3.3", "/usr/bin/ruby3.3"))
    assert launch.argv == ("/usr/bin/ruby3.3", "/var/runtime/bootstrap.rb")
    assert launch.environment["GEM_PATH"] == (
        "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/var/runtime:/var/runtime/ruby/3.3.0"
    )
    assert launch.environment["RUBYLIB"] == "/var/task:/var/runtime/lib:/opt/ruby/lib"


def test_a_wrapper_gets_the_command_from_a_shell() -> None:
    spec = dataclasses.replace(SPEC, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"})
    launch = managed("ruby3.3", "/usr/bin/ruby3.3").launch(spec, Places.sandboxed(TASK, OPT))
    assert launch.argv == (
        *("/bin/sh", "-c", 'exec "$0" "$@"', "/opt/wrap"),
        *("/usr/bin/ruby3.3", "/var/runtime/bootstrap.rb"),
    )


class TestBootstrap:
    """provided.*: the first executable file named bootstrap."""

    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        for name in ("task", "opt"):
            (tmp_path / name).mkdir()
        return tmp_path / "task", tmp_path / "opt"

    def put(self, folder: Path, mode: int = 0o755) -> None:
        (folder / "bootstrap").write_text("#!/bin/sh\n")
        (folder / "bootstrap").chmod(mode)

    def launch(self, folders: tuple[Path, Path], wrapper: str = "") -> Launch:
        spec = dataclasses.replace(SPEC, environment={"AWS_LAMBDA_EXEC_WRAPPER": wrapper} if wrapper else {})
        return ProvidedRuntime("provided.al2023").launch(spec, Places.sandboxed(*folders))

    def test_the_packages_comes_before_the_layers(self, folders: tuple[Path, Path]) -> None:
        self.put(folders[1])
        assert self.launch(folders).argv == ("/opt/bootstrap",)
        self.put(folders[0])
        assert self.launch(folders).argv == ("/var/task/bootstrap",)

    def test_what_cannot_be_executed_is_passed_over(self, folders: tuple[Path, Path]) -> None:
        self.put(folders[0], 0o644)
        self.put(folders[1])
        assert self.launch(folders).argv == ("/opt/bootstrap",)

    def test_without_any_the_platform_says_so_in_awss_words(self, folders: tuple[Path, Path]) -> None:
        (folders[0] / "bootstrap").mkdir()
        with pytest.raises(InvalidEntrypoint) as refused:
            self.launch(folders)
        assert str(refused.value) == "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
        assert refused.value.error_type == "Runtime.InvalidEntrypoint"

    def test_there_is_neither_language_nor_wrapper(self, folders: tuple[Path, Path]) -> None:
        self.put(folders[0])
        launch = self.launch(folders, wrapper="/opt/wrap")
        assert launch.argv == ("/var/task/bootstrap",)
        assert "AWS_EXECUTION_ENV" not in launch.environment
        assert launch.environment["PATH"] == "/usr/local/bin:/usr/bin:/bin:/opt/bin"

    def test_a_refused_exec_has_the_kernels_words(self) -> None:
        error = InvalidEntrypoint.of("/var/task/bootstrap", OSError(8, "Exec format error"))
        assert str(error) == "fork/exec /var/task/bootstrap: exec format error"


def test_the_customer_overrides_search_paths_and_never_the_platform() -> None:
    launch = in_sandbox(managed("python3.12", "bin/python3.12", "/home/python"))
    customer = {
        "PATH": "/opt/mine", "TZ": "Europe/Berlin", "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR", "_HIDDEN": "x",
        "AWS_LAMBDA_METADATA_TOKEN": "mine", "LAMBDA_TASK_ROOT": "/elsewhere", "AWS_EXECUTION_ENV": "mine", "_HANDLER": "mine",
    }  # fmt: skip
    spec = dataclasses.replace(SPEC, environment=customer)
    seen = variables(spec, launch, address="127.0.0.1:9001", token="t", log_stream="s", temporary="")
    assert (seen["PATH"], seen["TZ"], seen["AWS_XRAY_CONTEXT_MISSING"]) == (
        "/opt/mine",
        "Europe/Berlin",
        "IGNORE_ERROR",
    )
    assert (seen["LAMBDA_TASK_ROOT"], seen["AWS_EXECUTION_ENV"]) == ("/var/task", "AWS_Lambda_python3.12")
    assert (seen["_HANDLER"], seen["AWS_LAMBDA_RUNTIME_API"]) == ("app.handler", "127.0.0.1:9001")
    assert (seen["AWS_LAMBDA_METADATA_API"], seen["AWS_LAMBDA_METADATA_TOKEN"]) == ("127.0.0.1:9001", "t")
    assert not {"_HIDDEN", "TMPDIR"} & set(seen)


def test_a_runtime_says_what_it_is_made_of() -> None:
    launch = in_sandbox(managed("python3.12", "bin/python3.12", "/home/python"))
    assert (launch.version, launch.framed) == ("python:1", True)
    again, other = (
        in_sandbox(managed("python3.12", path, "/home/python")) for path in ("bin/python3.12", "bin/python")
    )
    assert again.digest == launch.digest != other.digest


@pytest.mark.parametrize(
    ("client", "knows"),
    [
        ("awslambdaric 4.2.2 with boto3 1.40.1", True), ("awslambdaric 3.1.1 with boto3 1.37.0", False),
        ("aws-lambda-ric 4.0.2 with @aws-sdk/client-sqs 3.1.0", True), ("aws-lambda-ric 3.3.0 with @aws-sdk/client-sqs 3.1.0", False),
        ("aws-lambda-java-runtime-interface-client 2.10.1", True), ("aws_lambda_ric 3.1.3", False), ("odd", False),
    ],
)  # fmt: skip
def test_which_clients_run_several_invocations_at_once(client: str, knows: bool) -> None:
    build = Build(identifier="x", folder=Path("/b"), version="1", client=client, interpreter="i")
    assert ManagedRuntime(build, "python", "3.11", STARTS["python"]).concurrent is knows
