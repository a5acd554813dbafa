"""A template's resources -> sections of a configuration: functions, and the mappings that its events and resources ask for.

A function that cannot run as it is written (its code is in a bucket, a variable is known at AWS only) is a problem where something here
would invoke it; where nothing would, it is left out, and told of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from poller.settings.nodes import Keys, Node, Place, Scalar, Table
from poller.settings.problems import Report, dotted
from poller.settings.templates.functions import function
from poller.settings.templates.globals import properties
from poller.settings.templates.mappings import SERVED, mapping
from poller.settings.templates.members import Reading
from poller.settings.templates.names import FUNCTIONS, LAYERS, NAMED_BY
from poller.settings.templates.notices import Notice, Tell
from poller.settings.templates.resolver import Resolver, Unresolved
from poller.settings.templates.trees import items, laid_over, made, member, table, text

FUNCTION_SECTION, MAPPING_SECTION = "functions", "event_source_mappings"
_POINTERS = ("AWS::Lambda::Alias", "AWS::Lambda::Version")
_UNSERVED_RESOURCES = {
    **dict.fromkeys(_POINTERS, "no version is published: what names it gets the function as it stands"),
    "AWS::Lambda::Url": "url of the function in pollerd.yaml makes one",
    "AWS::Lambda::EventInvokeConfig": "event_invoke_config of the function in pollerd.yaml says it",
    "AWS::Serverless::Application": "a nested template is named under templates by itself",
    "AWS::CloudFormation::Stack": "a nested template is named under templates by itself",
}
_NO_TYPE = "is no resource with a type (Fn::ForEach and other macros are not carried out), and is missing"
_LONGEST_NAME = 64


@dataclass(slots=True)
class _Found:
    """One function on its way. refused: our keys, place and sentence of what it, or a mapping of it, cannot do without."""

    logical_id: str
    place: Place
    document: Table
    mappings: dict[str, Table] = field(default_factory=dict)
    refused: list[tuple[Keys, Place, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Documents:
    """One template. base: the configuration that it is read for; what that says of a function or mapping goes before."""

    resolver: Resolver
    base: Table
    report: Report
    tell: Tell

    def sections(self) -> Table:
        """Return ``functions`` and ``event_source_mappings``."""
        found: dict[str, _Found] = {}
        for logical_id, resource in self._resources(FUNCTIONS):
            found |= self._function(logical_id, resource)
        for logical_id, resource in self._resources(("AWS::Lambda::EventSourceMapping",)):
            self._mapping(logical_id, resource, found)
        self._tell_of_others()
        functions: dict[str, Node] = {}
        mappings: dict[str, Node] = {}
        for name, each in found.items():
            if self._usable(each):
                functions[name] = each.document
                mappings |= each.mappings
        place = self.resolver.root.place
        sections = {FUNCTION_SECTION: made(place, functions), MAPPING_SECTION: made(place, mappings)}
        return made(place, {name: section for name, section in sections.items() if section.entries})

    def _resources(self, kinds: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
        """Those of these types, or where there are none of any, that the template's conditions leave."""
        root = self.resolver.root
        for logical_id, entry in table(member(root, "Resources"), root.place).entries.items():
            condition = text(member(entry.node, "Condition"))
            kind = self.resolver.kind(logical_id)
            try:
                holds = condition is None or self.resolver.condition(condition, entry.place)
            except Unresolved as error:
                self.report.add(("Resources", logical_id), str(error), place=error.place)
                continue
            if holds and (kind in kinds or not kinds):
                yield logical_id, entry.node

    def _function(self, logical_id: str, resource: Node) -> dict[str, _Found]:
        """By the function's name; nothing, when that is not known."""
        keys: Keys = ("Resources", logical_id)
        try:
            name = self.resolver.name(logical_id)
        except Unresolved as error:
            self.report.add((*keys, "FunctionName"), str(error), place=error.place)
            return {}
        serverless = self.resolver.kind(logical_id) == FUNCTIONS[0]
        given = (
            properties(self.resolver.root, resource)
            if serverless
            else table(member(resource, "Properties"), resource.place)
        )
        each = _Found(logical_id, given.place, given)
        own = self._own(FUNCTION_SECTION, name)
        each.document = function(given, self._reading(logical_id, each, (FUNCTION_SECTION, name)), own)
        events = table(member(given, "Events"), given.place) if serverless else Table(given.place, {})
        for event, entry in events.entries.items():
            self._event(event, entry.node, each, name)
        return {name: each}

    def _event(self, event: str, node: Node, each: _Found, function_name: str) -> None:
        kind = text(member(node, "Type")) or ""
        given = table(member(node, "Properties"), node.place)
        name = _bounded(f"{each.logical_id}{event}")
        alias = next(iter(table(member(each.document, "aliases"), node.place).entries), "")
        target = f"{function_name}:{alias}" if alias else function_name
        subscription = member(given, "SqsSubscription") if kind == "SNS" else None
        if subscription is not None:
            name = _bounded(f"{name}EventSourceMapping")
        reading = self._reading(f"{each.logical_id}.Events.{event}", each, (MAPPING_SECTION, name))
        named_by = SERVED.get(kind)
        if subscription is not None:
            self._put(each, name, self._subscribed(given, subscription, target, reading, name))
        elif named_by is None:
            reading.notice(node.place, "Type", f"{kind} is not served: it is no queue or stream that is read here")
        else:
            self._put(each, name, mapping(given, named_by, target, reading, self._own(MAPPING_SECTION, name)))

    def _subscribed(self, given: Table, subscription: Node, target: str, reading: Reading, name: str) -> Table | None:
        """SNS through a queue: SAM makes one of its own, or is told which. name: of the mapping."""
        place = subscription.place
        if isinstance(subscription, Table):
            entries = {"Queue" if key == "QueueArn" else key: entry for key, entry in subscription.entries.items()}
            kept = {key: entry for key, entry in entries.items() if key not in {"QueueUrl", "QueuePolicyLogicalId"}}
            return mapping(Table(given.place, kept), "Queue", target, reading, self._own(MAPPING_SECTION, name))
        if text(subscription) != "true":
            reading.notice(given.place, "Type", "SNS is not served but through a queue (SqsSubscription)")
            return None
        topic = member(given, "Topic")
        target_topic = self.resolver.target(topic) if topic is not None else None
        fifo = target_topic is not None and self.resolver.fifo(target_topic[0])
        queue = f"{name.removesuffix('EventSourceMapping')}Queue{'.fifo' * fifo}"
        reading.notice(place, "SqsSubscription", f"the queue {queue} must be there, subscribed to the topic")
        source = made(place, {"type": Scalar(place, "sqs"), "queue": Scalar(place, queue)})
        return made(place, {"source": source, "function": Scalar(place, target)})

    def _mapping(self, logical_id: str, resource: Node, found: Mapping[str, _Found]) -> None:
        given = table(member(resource, "Properties"), resource.place)
        try:
            reference = self._function_name(member(given, "FunctionName"), resource.place)
        except Unresolved as error:
            self.report.add(("Resources", logical_id, "FunctionName"), str(error), place=error.place)
            return
        bare = reference.rpartition("function:")[2].partition(":")[0]
        each = found.get(bare)
        if each is None:
            sentence = f"is not served: its function {bare} is not in this template"
            self.tell(Notice(resource.place, logical_id, "FunctionName", sentence))
            return
        name = _bounded(logical_id)
        reading = self._reading(logical_id, each, (MAPPING_SECTION, name))
        self._put(each, name, mapping(given, "EventSourceArn", bare, reading, self._own(MAPPING_SECTION, name)))

    def _function_name(self, node: Node | None, place: Place) -> str:
        """What a resource names, through aliases and versions of the template."""
        if node is None:
            raise Unresolved(place, "this property is required")
        target = self.resolver.target(node)
        if target is not None and self.resolver.kind(target[0]) in _POINTERS:
            inner = member(self.resolver.root, "Resources", target[0], "Properties", "FunctionName")
            return self._function_name(inner, node.place)
        return self.resolver.name(target[0]) if target is not None else self.resolver.text(node)

    def _put(self, each: _Found, name: str, document: Table | None) -> None:
        if document is not None:
            each.mappings[name] = document

    def _usable(self, each: _Found) -> bool:
        """Whether a function can run as it is written; if not, and something would invoke it, that is a problem."""
        of_mapping = any(keys[0] == MAPPING_SECTION for keys, _, _ in each.refused)
        invoked = of_mapping or bool(each.mappings) or "url" in each.document.entries
        for keys, place, sentence in each.refused:
            if invoked:
                self.report.add(keys, sentence, f"pollerd.yaml can say it: {dotted(keys)}", place=place)
            else:
                left_out = f"{dotted(keys[2:])}: {sentence}; nothing here would invoke the function, and it is left out"
                self.tell(Notice(place, each.logical_id, "", left_out))
        return not each.refused

    def _tell_of_others(self) -> None:
        """Resources that are neither run here nor only named, and what would make more of them."""
        for transform in items(member(self.resolver.root, "Transform")):
            name = text(transform) or text(member(transform, "Name")) or ""
            if not name.startswith("AWS::Serverless-"):
                self.tell(
                    Notice(transform.place, "Transform", name, "is not carried out, and what it makes is missing")
                )
        served = {*FUNCTIONS, *LAYERS, *NAMED_BY, "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission"}
        for logical_id, resource in self._resources(()):
            kind = self.resolver.kind(logical_id)
            if kind not in served:
                reason = _UNSERVED_RESOURCES.get(kind, "is not made here" if kind else _NO_TYPE)
                minor = bool(kind) and kind not in _UNSERVED_RESOURCES
                self.tell(Notice(resource.place, logical_id, "", f"{kind}: {reason}" if kind else reason, minor=minor))

    def _own(self, section: str, name: str) -> Table:
        return table(member(self.base, section, name), self.base.place)

    def _reading(self, resource: str, each: _Found, keys: Keys) -> Reading:
        def refuse(key: str, place: Place, sentence: str) -> None:
            each.refused.append(((*keys, *key.split(".")), place, sentence))

        return Reading(resource, self.resolver, self.tell, refuse)


def joined(base: Table, sections: Table, report: Report, seen: Table) -> tuple[Table, Table]:
    """Lay the base's own words over a template's sections. seen: sections of templates so far; the second result is those with these."""
    for section, entry in sections.entries.items():
        for name, each in table(entry.node, entry.place).entries.items():
            if member(seen, section, name) is not None:
                report.add((section, name), "this name stands in two templates", place=each.place)
    both = laid_over(sections, seen)
    whole = laid_over(both, base)
    return table(whole, base.place), table(both, base.place)


def _bounded(name: str) -> str:
    """A name of at most 64 characters; a longer one ends in a hash of all of it."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:55]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
