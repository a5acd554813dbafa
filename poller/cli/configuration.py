"""What the verbs share: the argument that names a configuration, and reading it or saying all that is wrong with it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from poller.control import preflight
from poller.control.state import Version
from poller.execution.container.driver import ContainerDriver
from poller.execution.contract import Driver
from poller.execution.drivers import Drivers
from poller.execution.process import ProcessDriver
from poller.execution.remote import RemoteDriver
from poller.observe.events import Emit
from poller.settings import load
from poller.settings.files import DEFAULTS
from poller.settings.load import PROFILE, Loaded, More
from poller.settings.model import Settings
from poller.settings.problems import SettingsError
from poller.settings.references import FunctionReference, function_reference

UNUSABLE = 78
"""Exit code (sysexits.h: EX_CONFIG)."""


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The positional argument CONFIG."""
    text = "file, folder, or a SAM or CloudFormation template; default: ./pollerd.yaml, then /etc/pollerd/pollerd.yaml"
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG", help=text)
    text = f"part of the configuration to lay over the rest; default: what {PROFILE} says"
    parser.add_argument("--profile", metavar="NAME", help=text)
    text = "value of a template's parameter, before what template_parameters says; as often as there are parameters"
    parser.add_argument(
        "--parameter", action="append", default=[], type=_parameter, metavar="NAME=VALUE", dest="parameters", help=text
    )


def _parameter(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    return name, value


def checked(path: Path | None, profile: str | None = None, *, published: bool = True) -> Settings:
    """The configuration, fit to run on this host. Raises SettingsError. profile, published: see ``loaded``."""
    return loaded(path, profile, published=published).settings


def loaded(
    path: Path | None,
    profile: str | None = None,
    *,
    published: bool = True,
    parameters: Mapping[str, str] | None = None,
) -> Loaded:
    """The same with what it was read from. profile: None for what the environment says. parameters: of templates.

    published: whether versions that it names have to exist; whoever is about to publish them cannot wait for that.
    """
    checks: list[More] = [
        lambda settings: preflight.runnable(settings, driver(settings, _nowhere)),
        preflight.filters,
        preflight.folders,
    ]
    if published:
        checks.append(lambda settings: preflight.published(settings, driver(settings, _nowhere)))
    return load.loaded(path, checks, profile, parameters)


def read(path: Path | None, profile: str | None = None, *, published: bool = True) -> Settings:
    """The same for a program that ends with 78 when it cannot be had; every problem goes to standard error then."""
    return ended_by_problems(lambda: loaded(path, profile, published=published)).settings


def ended_by_problems(read: Callable[[], Loaded]) -> Loaded:
    """What is read; else the program ends with 78, and every problem is on standard error."""
    try:
        return read()
    except SettingsError as error:
        tell(error)
        sys.exit(UNUSABLE)


def tell(error: SettingsError) -> None:
    """Print every problem, and how many they are, to standard error."""
    for problem in error.problems:
        print(problem, file=sys.stderr)
    count = len(error.problems)
    print(f"the configuration cannot be used: {count} problem{'s' * (count > 1)}", file=sys.stderr)


def asked_of(given: argparse.Namespace) -> Settings:
    """The configuration by which a daemon is found, as it stands; the default one where --url names the daemon, and no file is there.

    Else the program ends with 78.
    """
    if getattr(given, "url", "") and given.config is None and not any(path.exists() for path in DEFAULTS):
        return Settings()
    try:
        parameters = dict(getattr(given, "parameters", ()))
        return load.loaded(given.config, profile=getattr(given, "profile", None), parameters=parameters).settings
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(UNUSABLE)


def driver(settings: Settings, emit: Emit) -> Driver:
    """What runs the functions of a configuration, each by its shape."""
    state = Path(settings.state)
    return Drivers(
        here=ProcessDriver(state, emit, settings.sandbox),
        elsewhere=RemoteDriver(emit),
        containers=ContainerDriver(state, emit, settings.container.endpoint_url, settings.container.network),
    )


def sandbox(settings: Settings) -> str:
    """What keeps the functions of a configuration apart on this host."""
    return ProcessDriver(Path(settings.state), _nowhere, settings.sandbox).sandbox()[0]


def _nowhere(_: object) -> None:
    """For checks, which have nothing to tell."""


def function(text: str, settings: Settings) -> FunctionReference | None:
    """The function that an argument names, else None: the reason is on standard error then."""
    reference = function_reference(text)
    if reference is not None and reference.name in settings.functions:
        return reference
    known = ", ".join(settings.functions) or "none"
    print(f"there is no function {text!r}; known are {known}", file=sys.stderr)
    return None


def shown(version: Version) -> dict[str, str]:
    """A published version for people and programs; its settings may hold secrets and are left out."""
    return {
        "function": version.function,
        "version": str(version.number),
        "code_sha256": version.code,
        "description": version.description,
        "created": version.created,
    }
