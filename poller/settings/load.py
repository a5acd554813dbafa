"""Files -> Settings, or every problem of them at once.

Read the files to trees (files.py), the trees to dataclasses (decode.py, sources.py), hold the parts against each other (check.py).
Each step goes on after a problem as far as that makes sense; only then are they raised together. Nothing is contacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from poller.settings.check import check
from poller.settings.containers import read_function
from poller.settings.decode import BAD, Decoder, Special
from poller.settings.files import folder_of, locate
from poller.settings.model import AccountSettings, FunctionSettings, Settings, SourceSettings
from poller.settings.nodes import Place, Scalar, Table, from_value
from poller.settings.problems import Finding, Report, SettingsError
from poller.settings.sources import read_source
from poller.settings.templates.notices import Tell
from poller.settings.templates.read import read_with_templates

More = Callable[[Settings], Iterable[Finding]]
"""A check that needs what lies above the settings: can this host run the functions, do the filters compile."""


def load(path: Path | None = None, more: Iterable[More] = (), tell: Tell = lambda _: None) -> Settings:
    """Return the configuration of a file, of a folder's files together, of a template, or of where ``files.DEFAULTS`` finds one.

    Paths in it are absolute. more: further checks, made when what is in the files makes sense by itself. tell: is given what
    templates ask for and nobody does.
    Raises ``SettingsError`` and nothing else.
    """
    found = locate(path)
    report = Report()
    root = read_with_templates(found, report, tell)
    settings = _settings(root, Decoder(report, folder_of(found))) if root else None
    if settings is not None and not report:
        for finding in [finding for look in more for finding in look(settings)]:
            report.add(finding.keys, finding.sentence, finding.hint)
    if settings is None or report:
        raise SettingsError(report.problems(root or Scalar(Place(found), None)))
    return settings


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
    return Decoder(decoder.report, decoder.folder, special)
