"""Files -> Settings, or every problem of them at once.

Read the files to trees and join these (document.py, files.py), lay the profile over them (profiles.py), put variables in place
(substitution.py), make dataclasses of it, secrets read where they are (decode.py, sources.py, secrets.py), hold the parts against each
other (check.py).
Each step goes on after a problem as far as that makes sense; only then are they raised together. Nothing is contacted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from poller.settings import profiles
from poller.settings.check import check
from poller.settings.containers import read_function
from poller.settings.decode import BAD, Decoder, Special
from poller.settings.files import Reading, folder_of, locate
from poller.settings.model import AccountSettings, FunctionSettings, Settings, SourceSettings
from poller.settings.nodes import Place, Scalar, Table, from_value
from poller.settings.problems import Finding, Problem, Report, SettingsError, dotted
from poller.settings.secrets import Secrets, open_to_others
from poller.settings.sources import read_source
from poller.settings.substitution import Substitution
from poller.settings.templates.notices import Notice
from poller.settings.templates.parameters import given_by_hand
from poller.settings.templates.read import configuration_of, with_templates

More = Callable[[Settings], Iterable[Finding]]
"""A check that needs what lies above the settings: can this host run the functions, do the filters compile."""

PROFILE = "POLLERD_PROFILE"
"""Variable of the environment: the profile, where none is named otherwise."""


@dataclass(frozen=True)
class Loaded:
    """A configuration that can be used, and what it was read from.

    files: every file that was read, secrets and includes with them, and every folder whose list of files counts; absolute, once each.
    profile: the one in force, "" for none. profiles: all there are. warnings: what is no reason to refuse it.
    notices: what templates ask for and nobody does.
    """

    settings: Settings
    files: tuple[Path, ...] = ()
    profile: str = ""
    profiles: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Trees:
    """A configuration's trees, before there are dataclasses. None: they could not be read.

    written: as its files have it, profile laid over, variables still variables. sections: of its templates. whole: both, with values for
    the variables; what Settings are made of. files: those that were read. profiles: names of those there are.
    """

    written: Table | None
    sections: Table | None
    whole: Table | None
    files: tuple[Path, ...]
    templates: tuple[Path, ...]
    profiles: tuple[str, ...]
    notices: tuple[Notice, ...]


def load(path: Path | None = None, more: Iterable[More] = (), profile: str | None = None) -> Settings:
    """Return the configuration of a file, a folder's files, a template, or where ``files.DEFAULTS`` finds one; see ``loaded``."""
    return loaded(path, more, profile).settings


def loaded(
    path: Path | None = None,
    more: Iterable[More] = (),
    profile: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Loaded:
    """Return the same with what it was read from.

    Paths in it are absolute. more: further checks, made when what is in the files makes sense by itself. profile, parameters: see
    ``trees``. Raises ``SettingsError`` and nothing else.
    """
    found = locate(path)
    report, secrets = Report(), Secrets(os.environ)
    given = trees(found, report, profile, parameters)
    settings = None
    if given.whole is not None:
        settings = _settings(given.whole, Decoder(report, folder_of(found), secrets=secrets))
    if settings is not None and not report:
        for finding in [finding for look in more for finding in look(settings)]:
            report.add(finding.keys, finding.sentence, finding.hint)
    files = tuple(dict.fromkeys(file.absolute() for file in (*given.files, *secrets.files)))
    if settings is None or report:
        raise SettingsError(report.problems(given.whole or Scalar(Place(found), None)), files)
    return Loaded(settings, files, _wanted(profile), given.profiles, tuple(_warnings(secrets)), given.notices)


def trees(
    found: Path, report: Report, profile: str | None = None, parameters: Mapping[str, str] | None = None
) -> Trees:
    """Read the trees of a configuration; what is wrong goes to the report.

    profile: the one to lay over the rest, "" for none; None: what POLLERD_PROFILE says. parameters: of its templates, by name; they go
    before those in the files.
    """
    reading = Reading(report, os.environ)
    root = _read(reading, found)
    if root is None:
        return Trees(None, None, None, tuple(reading.seen), (), (), ())
    notices: list[Notice] = []
    written = profiles.select(root, _wanted(profile), report)
    base = given_by_hand(Substitution(os.environ, report).table(written), parameters or {})
    joined = with_templates(base, found, report, notices.append)
    files = (*reading.seen, *joined.files)
    names = tuple(profiles.names(root, report))
    return Trees(written, joined.sections, joined.whole, files, joined.files, names, tuple(notices))


def _wanted(profile: str | None) -> str:
    return os.environ.get(PROFILE, "") if profile is None else profile


def profiles_of(path: Path | None = None) -> tuple[str, ...]:
    """Names of a configuration's profiles, "" for none of them before the others. Raises ``SettingsError``: its files cannot be read."""
    found, report = locate(path), Report()
    root = _read(Reading(report, os.environ), found)
    names = profiles.names(root, report) if root is not None else {}
    if report:
        raise SettingsError(report.problems(root or Scalar(Place(found), None)))
    return ("", *names)


def _read(reading: Reading, found: Path) -> Table | None:
    """The tree of what is pollerd's own; that beside a template may be nothing."""
    own = configuration_of(found)
    return Table(Place(found), {}) if own is None else reading.read(own)


def _warnings(secrets: Secrets) -> Iterator[Problem]:
    """Secrets that every user of this host can read in a configuration file."""
    readable = {file: open_to_others(file) for file in {place.file for place in secrets.plain}}
    sentence = "every user of this host can read this secret"
    for place, keys in sorted(secrets.plain.items()):
        if readable[place.file]:
            hint = f"chmod o-r {place.file}, or refer to it: file:, env:, credential:"
            yield Problem(place.file, place.line, place.column, dotted(keys), sentence, hint)


def read_documents(sections: Mapping[str, Mapping[str, Any]], folder: Path, aws: AccountSettings) -> Settings:
    """Functions and mappings as a configuration file would have them, by section and name; the rest has its default.

    folder: what paths in them are relative to. What makes sense by itself is all that is looked at. Raises ``SettingsError``.
    """
    report = Report()
    root = from_value(
        {section: dict(documents) for section, documents in sections.items()}, Place(folder / "documents")
    )
    settings: Settings = _decoder(Decoder(report, folder), aws).dataclass(Settings, root, (), partial=True)
    if report:
        raise SettingsError(report.problems(root))
    return settings


def _settings(root: Table, decoder: Decoder) -> Settings:
    """Return what can be read of the tree, and note what is wrong with it."""
    report = decoder.report
    aws = AccountSettings()
    if "aws" in root.entries:  # read ahead, for the sources; the same findings come once
        own = decoder.value(AccountSettings, root.entries["aws"].node, ("aws",), {})
        aws = aws if own is BAD else own
    settings: Settings = _decoder(decoder, aws).dataclass(Settings, root, (), partial=True)
    for finding in list(check(settings, report.sound)):
        report.add(finding.keys, finding.sentence, finding.hint)
    return settings


def _decoder(decoder: Decoder, aws: AccountSettings) -> Decoder:
    """One that reads sources and functions in their own ways, too. aws: what sources take from the file's section."""
    special: Special = {
        SourceSettings: partial(read_source, decoder=decoder, aws=aws),
        FunctionSettings: partial(read_function, decoder=decoder),
    }
    return Decoder(decoder.report, decoder.folder, special, decoder.secrets)
