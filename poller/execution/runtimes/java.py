"""javaXX: a JVM with aws-lambda-java-runtime-interface-client.

The client itself looks for the function's classes in the package, its lib/*.jar and /opt/java/lib/*.jar.
"""

from __future__ import annotations

import platform

from poller.execution.contract import FunctionSpec
from poller.execution.runtimes.managed import Seen

MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
JNI = "com.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI"
HEAP_SHARE = 0.85
"""Of the function's memory, as AWS sizes it (observed: 445645k of 512 MB)."""


def native_library() -> str:
    """The file that the client's native part has for this machine, inside its jar and beside it."""
    machine = {"x86_64": "x86_64", "aarch64": "aarch_64"}.get(platform.machine(), platform.machine())
    return f"libaws-lambda-jni.linux-{machine}.so"


def start(seen: Seen, spec: FunctionSpec) -> tuple[tuple[str, ...], dict[str, str]]:
    """AWS's options of the JVM, as far as any JVM has them; JAVA_TOOL_OPTIONS may add to them."""
    number = int(seen.version)
    options = [
        f"-XX:MaxHeapSize={int(spec.memory_mb * 1024 * HEAP_SHARE)}k",
        "-XX:+UseSerialGC",
        "-Xshare:auto",
        "-Djava.net.preferIPv4Stack=true",
        f"-D{JNI}={seen.runtime}/{native_library()}",
    ]
    if number > 8:  # noqa: PLR2004  # Java 9 brought modules
        options.append("--add-opens=java.base/java.io=ALL-UNNAMED")
    if number >= 17:  # noqa: PLR2004  # what AWS gives from this version on
        options += ["-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1", "-XX:+ErrorFileToStderr"]
    return (seen.interpreter, *options, "-classpath", _class_path(seen), MAIN, spec.handler), {}


def _class_path(seen: Seen) -> str:
    """The client's jars; the layers' too where they are not at /opt, the only place where the client looks for them."""
    paths = [f"{seen.runtime}/lib/*"]
    opt = seen.places.opt
    if opt is not None and opt.inside != "/opt":
        paths.append(f"{opt.inside}/java/lib/*")
    return ":".join(paths)
