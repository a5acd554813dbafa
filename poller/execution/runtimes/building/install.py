"""Building one runtime: the interpreter, its client, the manifest, and only then the change that puts it in force."""

from __future__ import annotations

import dataclasses
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from poller.execution.runtimes import interpreters, python
from poller.execution.runtimes.building import clients, debian
from poller.execution.runtimes.building.workshop import BuildError, Say, Workshop, workshop
from poller.execution.runtimes.catalogue import Language, language
from poller.execution.runtimes.installed import Build, put_in_force

SYSTEM = ("/usr", "/proc", "/sys", "/dev")
"""Folders of the host that every sandbox has, or that no link of an interpreter should lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be built.

    interpreter: of this host; "": the first one found. rooted: with a root file system. mirror: its archive. packages: folder with
    wheels or gems that were fetched elsewhere; None: from the registry that the package client is configured for.
    """

    identifier: str
    interpreter: str = ""
    rooted: bool = False
    mirror: str = ""
    packages: Path | None = None


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """Where the interpreter ended up; the fields are Build's."""

    version: str
    interpreter: str
    prefix: str = ""
    seen: tuple[str, ...] = ()


def install(order: Order, state: Path, say: Say) -> Build:
    """Build it and put it in force. Raises BuildError, RuntimeUnavailable or OSError; what was in force then still is."""
    wanted = language(order.identifier)
    if wanted is None:
        raise BuildError(f"{order.identifier} is nothing that can be installed; `pollerd runtimes` lists what is")
    if order.rooted and order.interpreter:
        raise BuildError("--root brings its own interpreter: leave out --interpreter")
    if order.mirror and not order.rooted:
        raise BuildError("--mirror is the archive of a root file system: only with --root")
    if order.packages is not None and wanted.name not in {"python", "ruby"}:
        raise BuildError(f"--packages is for Python and Ruby: {wanted.name} needs its package client's registry")
    with workshop(state, say) as site:
        interpreter = _rooted(site, order) if order.rooted else _of_host(site, wanted, order)
        client = _client(site, wanted, interpreter, order)
        _compile(site, wanted, interpreter, rooted=order.rooted)
        build = Build(
            identifier=order.identifier,
            folder=site.folder,
            version=interpreter.version,
            client=client,
            interpreter=interpreter.interpreter,
            prefix=interpreter.prefix,
            rooted=order.rooted,
            seen=interpreter.seen,
        )
        build.write()
        return dataclasses.replace(build, folder=put_in_force(state, site.folder, order.identifier))


def _rooted(site: Workshop, order: Order) -> _Interpreter:
    suite = debian.suite(order.identifier)
    debian.unpack(site, suite, order.mirror)
    if not (site.root / suite.interpreter.lstrip("/")).exists():
        raise BuildError(f"the packages of {suite.name} brought no {suite.interpreter}")
    java = order.identifier.startswith("java")
    if java:
        store = ["/bin/sh", "-c", debian.JAVA_STORE, suite.interpreter]
        site.with_client("certificates for the JVM", store, rooted=True)
    flag = "-version" if java else "--version"
    told = re.search(r"\d+(\.\d+)+", site.with_client("asking for the version", [suite.interpreter, flag], rooted=True))
    return _Interpreter(f"{told[0] if told else suite.packages[0]} of Debian {suite.name}", suite.interpreter)


def _of_host(site: Workshop, wanted: Language, order: Order) -> _Interpreter:
    if wanted.name == "nodejs" and not order.interpreter:
        return _Interpreter(clients.node_itself(site, wanted.version), "bin/node", "lang")
    found = interpreters.find(wanted.name, wanted.version, order.interpreter)
    if found is None:
        if order.interpreter:
            raise BuildError(f"{order.interpreter} is no {wanted.name} {wanted.version} that starts")
        other = "; or --root takes one from Debian" if order.identifier in debian.SUITES else ""
        where = "on PATH, with version managers, or in the system's folders"
        raise BuildError(f"there is no {wanted.name} {wanted.version} {where}; name one with --interpreter{other}")
    path, prefix = found.placed
    return _Interpreter(found.version, path, prefix, _beyond_usr(found.path, found.prefix))


def _beyond_usr(executable: Path, prefix: Path) -> tuple[str, ...]:
    """Folders of the host that links in the interpreter's own folder lead to: Debian keeps a JVM's settings in /etc."""
    home = executable.parent.parent
    if home in {Path("/usr"), Path("/usr/local")}:
        return ()
    found = set()
    for path in home.rglob("*"):
        if path.is_symlink():
            try:
                target = path.resolve()
            except RuntimeError:  # it leads round in a circle
                continue
            if target.exists() and not any(target.is_relative_to(folder) for folder in (*SYSTEM, prefix)):
                found.add(target if target.is_dir() else target.parent)
    return tuple(sorted(str(path) for path in found if not any(other in path.parents for other in found)))


def _client(site: Workshop, wanted: Language, interpreter: _Interpreter, order: Order) -> str:
    if wanted.name == "python":
        taken = clients.python_client(site, wanted.version, order.packages)
        shutil.copy2(Path(python.__file__).with_name(python.BOOTSTRAP), site.client)
        return taken
    if wanted.name == "nodejs":
        return clients.node_client(site, int(wanted.version), _prefix(site, interpreter))
    if wanted.name == "java":
        return clients.java_client(site)
    path = interpreter.interpreter if order.rooted else str(_prefix(site, interpreter) / interpreter.interpreter)
    return clients.ruby_client(site, path, order.packages, rooted=order.rooted)


def _prefix(site: Workshop, interpreter: _Interpreter) -> Path:
    """The interpreter's folder on this host; /usr where it has none of its own."""
    return site.folder / interpreter.prefix if interpreter.prefix else Path("/usr")


def _compile(site: Workshop, wanted: Language, interpreter: _Interpreter, *, rooted: bool) -> None:
    """Byte code beside Python's modules: functions may not write it there, and compiling the SDK takes a second of a cold start.

    Then the client's native part is loaded once: what it lacks would be told at the first event only, and badly.
    """
    if wanted.name != "python":
        return
    client = site.seen_client(rooted=rooted)
    path = interpreter.interpreter if rooted else str(_prefix(site, interpreter) / interpreter.interpreter)
    for step, arguments in {
        "compiling": ["-m", "compileall", "-q", "-j", "0", client],
        "trying": ["-c", f"import sys; sys.path.insert(0, {client!r}); import runtime_client"],
    }.items():
        site.with_client(step, [path, "-I", "-S", *arguments], rooted=rooted)
