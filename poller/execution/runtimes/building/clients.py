"""How each language's client and SDK are fetched: pip, npm, Maven and gem, each with the configuration that it has on this host."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import zipfile
from pathlib import Path

from poller.execution.runtimes import java, ruby
from poller.execution.runtimes.building.workshop import BuildError, Workshop, need

NODE_SDK = (
    *("client-dynamodb", "client-eventbridge", "client-kinesis", "client-lambda", "client-s3"),
    *("client-secrets-manager", "client-sfn", "client-sns", "client-sqs", "client-ssm", "client-sts"),
    *("credential-providers", "lib-dynamodb", "lib-storage", "s3-request-presigner", "util-dynamodb"),
)
"""Of @aws-sdk. AWS has all of its 400 clients there; a function that needs another one brings it along."""

RUBY_SDK = ("dynamodb", "eventbridge", "kinesis", "lambda", "s3", "secretsmanager", "sns", "sqs", "ssm", "states")

JAVA_CLIENT = ("com.amazonaws", "aws-lambda-java-runtime-interface-client", "[2.10,3)")
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>pollerd</groupId><artifactId>runtime</artifactId><version>1</version>
<dependencies><dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency></dependencies></project>
"""


def python_client(site: Workshop, version: str, packages: Path | None) -> str:
    """The client and boto3 for a Python of another version than ours: ready-made packages only. Returns what was taken.

    packages: folder with the wheels; None: from where pip is configured to fetch them.
    """
    options = ["--target", str(site.client), "--python-version", version, "--implementation", "cp"]
    options += ["--only-binary=:all:", "--no-compile", "--no-input", "--no-warn-conflicts"]
    if packages is not None:
        options += ["--no-index", "--find-links", str(packages.resolve())]
    command = [sys.executable, "-m", "pip", "install", *options, "awslambdaric", "boto3"]
    site.run(f"awslambdaric and boto3 for Python {version}", command)
    shutil.rmtree(site.client / "bin", ignore_errors=True)
    names = [next(site.client.glob(f"{name}-*.dist-info"), None) for name in ("awslambdaric", "boto3")]
    return " with ".join(path.name.removesuffix(".dist-info").replace("-", " ") for path in names if path)


def node_itself(site: Workshop, major: str) -> str:
    """Node from its npm package into ``lang``, headers included. Returns its version."""
    need({"npm": "npm"}, "Node and its client are npm packages")
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine())
    if machine is None:
        raise BuildError(f"npm has no Node for {platform.machine()}; name an interpreter with --interpreter")
    package = f"node-linux-{machine}"
    site.run(f"Node {major}", ["npm", "install", *_npm(site.folder / "npm"), f"{package}@{major}"])
    (site.folder / "npm/node_modules" / package).rename(site.folder / "lang")
    shutil.rmtree(site.folder / "npm")
    version: str = json.loads((site.folder / "lang/package.json").read_text())["version"]
    return version


def node_client(site: Workshop, major: int, prefix: Path) -> str:
    """aws-lambda-ric, whose native part is compiled here, and the SDK. prefix: of the Node that it is for. Returns what was taken.

    Version 4 of the client refuses handlers with callbacks, as AWS does from nodejs22.x on; earlier runtimes get version 3.
    """
    tools = {
        "npm": "npm",
        "cmake": "cmake",
        "g++": "g++",
        "make": "make",
        "python3": "python3",
        "tar": "tar",
        "xz": "xz-utils",
    }
    modern = major >= 22  # noqa: PLR2004  # the first whose client needs no autotools
    if not modern:
        tools |= {"autoreconf": "autoconf", "automake": "automake", "libtoolize": "libtool"}
    need(tools, "npm compiles the client's native part")
    if not (prefix / "include/node/node_api.h").exists():
        raise BuildError(
            f"{prefix}/include/node has no headers of Node; leave out --interpreter to get a Node that has them"
        )
    environment = {"PATH": f"{prefix}/bin:{os.environ.get('PATH', '')}", "npm_config_nodedir": str(prefix)}
    command = ["npm", "install", *_npm(site.client), "--foreground-scripts", f"aws-lambda-ric@{4 if modern else 3}"]
    site.run("aws-lambda-ric; compiling takes a minute or two", command, environment=environment)
    sdk = [f"@aws-sdk/{name}" for name in NODE_SDK]
    site.run("version 3 of the SDK", ["npm", "install", *_npm(site.client), *sdk], environment=environment)
    _write_node_start(site.client, modern)
    versions = {name: _npm_version(site.client, name) for name in ("aws-lambda-ric", "@aws-sdk/client-sqs")}
    return " with ".join(f"{name} {version}" for name, version in versions.items())


def _write_node_start(client: Path, modern: bool) -> None:
    """index.mjs, as AWS's runtimes have it."""
    lines = ['import "aws-lambda-ric";'] if modern else [
        'import { run } from "aws-lambda-ric";',
        "await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);",
    ]  # fmt: skip
    (client / "index.mjs").write_text("\n".join([*lines, ""]))
    shutil.copy2(Path(java.__file__).with_name("node_path.mjs"), client)


def java_client(site: Workshop) -> str:
    """The client's jars into ``lib``, and its native part beside them. Returns what was taken."""
    need({"mvn": "maven"}, "Maven fetches the client")
    pom = site.folder / "pom.xml"
    pom.write_text(POM.format(*JAVA_CLIENT))
    lib = site.client / "lib"
    command = ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={lib}"]
    site.run(JAVA_CLIENT[1], [*command, "-DincludeScope=runtime"])
    pom.unlink()
    jar = next(lib.glob(f"{JAVA_CLIENT[1]}-*.jar"), None)
    if jar is None:
        raise BuildError(f"Maven brought no {JAVA_CLIENT[1]}")
    try:
        with zipfile.ZipFile(jar) as archive:
            (site.client / java.native_library()).write_bytes(archive.read(f"jni/{java.native_library()}"))
    except KeyError as error:
        raise BuildError(f"{jar.name} has no native part for this machine, {java.native_library()}") from error
    return f"{JAVA_CLIENT[1]} {jar.stem.removeprefix(JAVA_CLIENT[1] + '-')}"


RUBY_START = 'require "aws_lambda_ric"\nAwsLambdaRIC::Bootstrap.new.start\n'


def ruby_client(site: Workshop, interpreter: str, packages: Path | None, *, rooted: bool) -> str:
    """The gem of the client and some of the SDK, fetched by the Ruby that they are for. Returns what was taken.

    packages: folder with the gems, all of which are installed; None: from where gem is configured to fetch them.
    """
    gems = ["aws_lambda_ric", *(f"aws-sdk-{name}" for name in RUBY_SDK)]
    target = site.seen_client(rooted=rooted)
    if packages is not None:
        given = site.client / "given"
        given.mkdir()
        found = sorted(packages.glob("*.gem"))
        if not found:
            raise BuildError(f"there is no gem in {packages}")
        for gem in found:
            shutil.copy2(gem, given)
        gems = ["--local", "--ignore-dependencies", *(f"{target}/given/{gem.name}" for gem in found)]
    install = [interpreter, "-S", "gem", "install", "--no-document", "--install-dir", target, *gems]
    trial = ["/usr/bin/env", f"GEM_PATH={target}", interpreter, "-e", 'require "aws_lambda_ric"']
    for step, command in {"aws_lambda_ric and the SDK": install, "trying": trial}.items():
        site.with_client(step, command, rooted=rooted)
    shutil.rmtree(site.client / "given", ignore_errors=True)
    (site.client / ruby.BOOTSTRAP).write_text(RUBY_START)
    client = next((site.client / "gems").glob("aws_lambda_ric-*"), None)
    if client is None:
        raise BuildError("gem brought no aws_lambda_ric")
    return client.name.replace("-", " ")


def _npm(folder: Path) -> list[str]:
    return ["--prefix", str(folder), "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]


def _npm_version(folder: Path, name: str) -> str:
    version: str = json.loads((folder / "node_modules" / name / "package.json").read_text())["version"]
    return version
