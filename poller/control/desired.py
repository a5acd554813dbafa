"""What is wished for: the configuration files' objects and those that calls made, as one configuration. The one way to change it.

What holds here:

1. An object is a document as it could stand in a configuration file, wherever it comes from; it is read and checked the same way.
2. What stands in a file is the file's: a call that would change it is refused. A file that names an object which a call made takes it over.
3. A change is checked whole, built, made durable, then in force, in this order, one change at a time (fleet.py). What is refused on the
   way leaves no trace; what was answered outlives the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from poller.control import made as rows
from poller.control import preflight
from poller.control.audit import FILES
from poller.control.fleet import Changed, Fleet
from poller.control.made import KINDS, Key, Kind, Made
from poller.control.stranded import MAPPINGS, Stranded, at_rest, functions, leading
from poller.control.versions import code_of
from poller.execution.contract import Driver
from poller.settings.check import check
from poller.settings.load import read_documents
from poller.settings.model import MappingSettings, Settings
from poller.settings.problems import Finding, SettingsError
from poller.settings.references import function_reference

Mappings = Mapping[str, MappingSettings]
Recorded = Callable[[Mappings, Mappings, str, str], Awaitable[None]]
"""Told of the mappings before and after a change that is in force, of who made it, and how."""


async def nobody(_: Mappings, __: Mappings, who: str, why: str) -> None:
    """Where nothing is recorded."""


class FiledError(Exception):
    """The object stands in a configuration file. The message is a sentence that names it."""


class RefusedError(Exception):
    """The change makes no sense, or this host cannot run it. The message is a sentence; keys: what it is about, from the section on."""

    def __init__(self, sentence: str, keys: tuple[str | int, ...] = ()) -> None:
        super().__init__(sentence)
        self.keys = keys


class Change:
    """One change while it is being made: what there is, and what is to be. Made by ``Desired.change``. who, why: for the record."""

    def __init__(self, desired: Desired, who: str, why: str) -> None:
        self._desired = desired
        self.who = who
        self.why = why
        self.puts: dict[Key, Made] = {}
        self.gone: set[Key] = set()
        self.republished: set[str] = set()
        """Functions of which a version has come or gone: the block has published or deleted it by then, in a file's function, too."""

    def made(self, kind: Kind, name: str) -> Made | None:
        """The object, if a call made it; as this change leaves it."""
        key: Key = (kind, name)
        return None if key in self.gone else self.puts.get(key) or self._desired.made.get(key)

    def put(self, made: Made) -> Made:
        """Let it be so, new or changed; returns it with its revision. Raises FiledError."""
        self._desired.refuse_filed(made.kind, made.name)
        self.gone.discard(made.key)
        self.puts[made.key] = stamped = made.stamped()
        return stamped

    def remove(self, kind: Kind, name: str) -> None:
        """Let it be no more. Raises FiledError."""
        self._desired.refuse_filed(kind, name)
        self.puts.pop((kind, name), None)
        self.gone.add((kind, name))

    @property
    def touched(self) -> set[Key]:
        """All that it is about."""
        return {*self.puts, *self.gone}


class Desired:
    """The one writer. file: the configuration files' part. origin: where that was read, for people. recorded: as ``Recorded``."""

    def __init__(self, file: Settings, origin: str, recorded: Recorded = nobody) -> None:
        self._recorded = recorded
        self._file = file
        self._origin = origin
        self._state = Path(file.state)
        self._fleet: Fleet | None = None
        self._changing = asyncio.Lock()
        self.made: dict[Key, Made] = rows.read(self._state)
        """What calls made and no file has, by section and name."""
        self.broken: dict[Key, str] = {}
        """Of these, those that cannot be used as things are, and why. They are kept. A mapping whose function is deleted becomes one."""
        self._decoded: dict[Key, tuple[str, Any]] = {}  # by the revision of which it is

    def settings(self, driver: Driver) -> Settings:
        """The whole configuration to start with. What a call made and cannot be used any more is left out; see ``broken``."""
        with contextlib.suppress(
            RefusedError
        ):  # as a rule all can be used, and one by one each is held against all before it
            return self._read(self.made, self.made.keys(), self._file, driver)
        sound: dict[Key, Made] = {}
        for key, made in sorted(self.made.items(), key=lambda item: item[0][0] != "functions"):
            try:
                self._read({**sound, key: made}, {key}, self._file, driver)
            except RefusedError as error:
                self.broken[key] = str(error)
            else:
                sound[key] = made
        return self._joined(sound, self._file)

    def as_read(self) -> Settings:
        """The whole configuration without any check; what cannot be read is left out."""
        readable: dict[Key, Made] = {}
        for key, made in self.made.items():
            with contextlib.suppress(RefusedError):
                self._joined({key: made}, self._file)
                readable[key] = made
        return self._joined(readable, self._file)

    def stranded(self) -> dict[str, Stranded]:
        """Mappings that cannot be used as things are, as far as they can be read, by name."""
        found = {key: why for key, why in self.broken.items() if key[0] == MAPPINGS and not self.is_filed(*key)}
        return {key[1]: Stranded(self._decoded[key][1], why) for key, why in found.items() if key in self._decoded}

    def runs_as(self, fleet: Fleet) -> None:
        """From now on changes go there."""
        self._fleet = fleet

    def is_filed(self, kind: Kind, name: str) -> bool:
        """Whether the object stands in a file."""
        return name in getattr(self._file, kind)

    @property
    def fleet(self) -> Fleet:
        """Where changes go."""
        assert self._fleet is not None  # noqa: S101  # nobody is let in before it runs
        return self._fleet

    def refuse_filed(self, kind: Kind, name: str) -> None:
        """Raises FiledError for an object that stands in a file."""
        if self.is_filed(kind, name):
            what = "function" if kind == "functions" else "mapping"
            raise FiledError(f"the {what} {name} stands in {self._origin}, and is changed there")

    @contextlib.asynccontextmanager
    async def change(self, who: str = "API", why: str = "") -> AsyncIterator[Change]:
        """Make a change: what the block puts and removes is in force when it is left, or the reason why not is raised.

        who, why: whose it is, for the record of mappings. Raises FiledError, RefusedError, PackageError, StoreError.
        """
        async with self._changing:
            change = Change(self, who, why)
            yield change
            if change.touched or change.republished:
                await self._make(change)

    def read(self, change: Change, kind: Kind, name: str) -> Any:
        """Settings of one object as the change has it. Raises RefusedError."""
        made = {key: each for key, each in {**self.made, **change.puts}.items() if key not in self.broken}
        settings = self._read(made, {(kind, name)}, self._file, self.fleet.driver)
        return getattr(settings, kind)[name]

    async def _make(self, change: Change) -> None:
        after = {key: made for key, made in {**self.made, **change.puts}.items() if key not in change.gone}
        usable = {key: made for key, made in after.items() if key not in self.broken or key in change.touched}
        lost = leading(usable, functions(change.gone))
        lost = {key: why for key, why in lost.items() if key not in change.touched and not self.is_filed(*key)}
        usable = {key: made for key, made in usable.items() if key not in lost}
        settings = await asyncio.to_thread(self._read, usable, change.touched, self._file, self.fleet.driver)
        settings, found = await asyncio.to_thread(
            self._found_again, settings, usable, after, functions(change.puts), self._file
        )
        expected = {key: self.made[key].revision if key in self.made else "" for key in change.touched}

        async def commit() -> None:
            await asyncio.to_thread(rows.write, self._state, change.puts.values(), change.gone, expected)
            self.made = after
            for key in change.touched | found:
                self.broken.pop(key, None)

        before = self.fleet.settings.event_source_mappings
        async with at_rest(self.fleet, self.broken, lost):
            await self.fleet.apply(settings, commit, functions(change.touched) | change.republished)
        await self._recorded(before, settings.event_source_mappings, change.who, change.why)

    def _found_again(
        self,
        settings: Settings,
        usable: Mapping[Key, Made],
        made: Mapping[Key, Made],
        there: Collection[str],
        file: Settings,
    ) -> tuple[Settings, set[Key]]:
        """The configuration with mappings that could not be used and can, as these functions are there; and which those are."""
        found: dict[Key, Made] = {}
        for key in sorted(leading({key: made[key] for key in self.broken if key in made}, there)):
            if key not in usable:
                with contextlib.suppress(RefusedError):
                    settings = self._read({**usable, **found, key: made[key]}, {key}, file, self.fleet.driver)
                    found[key] = made[key]
        return settings, set(found)

    async def reload(self, file: Settings, use: Callable[[], None]) -> Changed:
        """Put other files in force and return what that concerned; what calls made stays.

        use: called when nothing can fail any more but it. Raises as ``change`` does, and nothing has changed then.
        """
        found: set[Key] = set()

        async def use_now() -> None:
            use()
            for key in found:
                del self.broken[key]

        async with self._changing:
            before, self._file = self._file, file
            mappings = self.fleet.settings.event_source_mappings
            try:
                usable = {key: made for key, made in self.made.items() if key not in self.broken}
                settings = await asyncio.to_thread(self._read, usable, set(usable), file, self.fleet.driver)
                settings, found = await asyncio.to_thread(
                    self._found_again, settings, usable, self.made, file.functions.keys(), file
                )
                changed = await self.fleet.apply(settings, use_now)
            except BaseException:
                self._file = before
                raise
            await self._recorded(mappings, settings.event_source_mappings, FILES, "read again")
            return changed

    def _read(self, made: Mapping[Key, Made], touched: Collection[Key], file: Settings, driver: Driver) -> Settings:
        """The whole configuration, of which what is touched, and what that leads to, is checked. Raises RefusedError."""
        settings = self._joined(made, file)
        names = functions(touched)
        mappings = {
            name: mapping
            for name, mapping in settings.event_source_mappings.items()
            if ("event_source_mappings", name) in touched or _function(mapping) in names
        }
        names |= {_function(mapping) for mapping in mappings.values()}
        looked_at = dataclasses.replace(
            settings,
            functions={name: settings.functions[name] for name in names if name in settings.functions},
            event_source_mappings=mappings,
        )
        for finding in self._findings(settings, looked_at, driver):
            raise RefusedError(
                f"{finding.sentence}; {finding.hint}" if finding.hint else finding.sentence, finding.keys
            )
        return settings

    def _findings(self, settings: Settings, looked_at: Settings, driver: Driver) -> Iterator[Finding]:
        changed = check(settings, functions=looked_at.functions, mappings=looked_at.event_source_mappings)
        yield from (finding for finding in changed if not self._left_to_init(finding))
        yield from preflight.filters(looked_at)
        yield from preflight.folders(looked_at)
        yield from preflight.published(looked_at, driver)

    def _left_to_init(self, finding: Finding) -> bool:
        """Whether a function that a call made may stand so: its handler may come with the next call, and INIT tells until then."""
        match finding.keys:
            case ("functions", str(name), "handler"):
                return not self.is_filed("functions", name)
        return False

    def _joined(self, made: Mapping[Key, Made], file: Settings) -> Settings:
        """The file's configuration with what calls made. Raises RefusedError for what cannot be read by itself."""
        self._decode(each for key, each in made.items() if self._decoded.get(key, ("", None))[0] != each.revision)
        parts: dict[str, dict[str, Any]] = {kind: dict(getattr(file, kind)) for kind in KINDS}
        for kind, name in made:
            parts[kind].setdefault(name, self._decoded[kind, name][1])
        return dataclasses.replace(file, functions=parts["functions"], event_source_mappings=parts[MAPPINGS])

    def _decode(self, made: Iterable[Made]) -> None:
        """Read documents, and keep what they say by their revision: a change is not to cost more the more objects there are."""
        by_kind: defaultdict[Kind, dict[str, Made]] = defaultdict(dict)
        for each in made:
            by_kind[each.kind][each.name] = each
        if not by_kind:
            return
        documents: dict[str, Any] = {
            kind: {name: of_it.document for name, of_it in found.items()} for kind, found in by_kind.items()
        }
        try:
            settings = read_documents(documents, code_of(self._file), self._file.aws)
        except SettingsError as error:
            first = error.problems[0]
            raise RefusedError(
                f"{first.sentence}; {first.hint}" if first.hint else first.sentence, (first.key,)
            ) from error
        for kind, found in by_kind.items():
            for name, of_it in found.items():
                self._decoded[kind, name] = of_it.revision, getattr(settings, kind)[name]


def whole(file: Settings, origin: str) -> Settings:
    """The files' configuration with what calls made, as far as that can be read, for who looks at it. Raises StoreError."""
    return Desired(file, origin).as_read()


def _function(mapping: MappingSettings) -> str:
    """Name of a mapping's function; "" when what stands there is none."""
    reference = function_reference(mapping.function)
    return reference.name if reference else ""
