"""``pollerd import``: a SAM or CloudFormation template as a configuration of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poller.cli import configuration
from poller.settings.imported import imported, text_of, unserved
from poller.settings.problems import SettingsError
from poller.settings.yaml_written import write_new

FILE = Path("pollerd.yaml")
_YAML = (".yaml", ".yml")


def add(parser: argparse.ArgumentParser) -> None:
    """Description and arguments of the verb."""
    parser.description = (
        "Write the configuration that a SAM or CloudFormation template means, with what a pollerd.yaml beside it says. What is not served "
        "stands at its head and on standard error. Values of parameters are written as they are; only who runs this command can read it."
    )
    configuration.add_argument(parser)
    help_ = f"the file to write, which must not be there yet; default: ./{FILE}"
    parser.add_argument("-o", "--output", type=Path, default=FILE, metavar="FILE", help=help_)
    parser.set_defaults(call=call)


def call(given: argparse.Namespace) -> int:
    """0: written. 1: it could not be. 2: the file is there, or is no YAML by its name. 78: the template cannot be used as it is."""
    file: Path = given.output
    if file.suffix not in _YAML:
        print(f"{file} does not end in {' or '.join(_YAML)}", file=sys.stderr)
        return 2
    if file.exists() or file.is_symlink():
        print(f"{file} is there already; name another one with -o", file=sys.stderr)
        return 2
    parameters = dict(given.parameters)
    try:
        found = configuration.loaded(given.config, given.profile, parameters=parameters)
    except SettingsError as error:
        configuration.tell(error)
        return configuration.UNUSABLE
    document = imported(given.config, found.settings, file.parent, given.profile, parameters)
    if document is None:
        print(f"{given.config or FILE} is no template and names none", file=sys.stderr)
        return 2
    try:
        write_new(file, text_of(document, str(given.config or FILE), found.notices))
    except OSError as error:
        print(f"{file} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    for notice in found.notices:
        print(f"{notice.place}: {unserved(notice)}", file=sys.stderr)
    functions, mappings = len(found.settings.functions), len(found.settings.event_source_mappings)
    print(f"{file}: functions: {functions}, event source mappings: {mappings}; readable by you alone")
    return 0
