"""Intrinsic functions -> values. What depends on a deployment, an account or another stack is ``Unresolved``, never made up.

Source: CloudFormation User Guide, Intrinsic function reference and Condition functions.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from poller.settings.nodes import Entry, List, Node, Place, Scalar, Table
from poller.settings.templates.names import ATTRIBUTES, NAMED_BY, QUEUE, REFERENCES
from poller.settings.templates.trees import items, member, table, text

_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
_DYNAMIC = "{{resolve:"
NO_VALUE = "AWS::NoValue"
_FIFO = {QUEUE: "FifoQueue", "AWS::SNS::Topic": "FifoTopic"}


class Unresolved(Exception):
    """The value is not known here. The text says why."""

    def __init__(self, place: Place, sentence: str) -> None:
        super().__init__(sentence)
        self.place = place


@dataclass(frozen=True)
class Resolver:
    """One template's values. parameters, pseudo: by name; pseudo without ``AWS::``, and ``sqs``, the server in URLs of queues."""

    root: Table
    parameters: Mapping[str, Node]
    pseudo: Mapping[str, str]
    _asked: list[str] = field(default_factory=list)

    def node(self, node: Node) -> Node | None:
        """The tree with its functions carried out; None: it is AWS::NoValue, that is, nothing. Raises Unresolved."""
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and _DYNAMIC in node.value:
                raise Unresolved(node.place, "a dynamic reference is looked up at AWS only")
            return node
        if isinstance(node, List):
            return List(node.place, [each for each in map(self.node, node.items) if each is not None])
        call = _call(node)
        if call:
            return self._called(*call, node.place)
        found = {key: (entry.place, self.node(entry.node)) for key, entry in node.entries.items()}
        return Table(node.place, {key: Entry(at, each) for key, (at, each) in found.items() if each is not None})

    def chosen(self, node: Node) -> Node | None:
        """The branch that Fn::If takes, and so on; anything else as it is."""
        while (call := _call(node)) and call[0] == "Fn::If":
            branch = self._branch(call[1], node.place)
            if branch is None:
                return None
            node = branch
        return None if _is_no_value(node) else node

    def target(self, node: Node) -> tuple[str, str] | None:
        """The resource of the template that Ref or Fn::GetAtt name, and the attribute, "" for Ref."""
        call = _call(node)
        if call is None or call[0] not in {"Ref", "Fn::GetAtt"}:
            return None
        words = ".".join(text(each) or "" for each in items(call[1]))
        name, _, attribute = words.partition(".")
        return (name, attribute) if member(self.root, "Resources", name) is not None else None

    def condition(self, name: str, place: Place) -> bool:
        """Whether a condition of the template holds. Raises Unresolved."""
        definition = member(self.root, "Conditions", name)
        if definition is None or name in self._asked:
            raise Unresolved(
                place, f"there is no condition {name!r}" if definition is None else "a condition of itself"
            )
        self._asked.append(name)
        try:
            return self._holds(definition)
        finally:
            self._asked.pop()

    def kind(self, logical_id: str) -> str:
        """Type of a resource; "" where there is none."""
        return text(member(self.root, "Resources", logical_id, "Type")) or ""

    def name(self, logical_id: str) -> str:
        """What a resource is called: by its own property, else by its logical ID. Raises Unresolved."""
        kind = self.kind(logical_id)
        properties = member(self.root, "Resources", logical_id, "Properties")
        given = member(properties, NAMED_BY.get(kind, ""))
        found = text(self.node(given)) if given is not None else None
        return found or (f"{logical_id}.fifo" if self.fifo(logical_id) else logical_id)

    def fifo(self, logical_id: str) -> bool:
        """Whether a resource is a FIFO queue or topic. Raises Unresolved."""
        properties = member(self.root, "Resources", logical_id, "Properties")
        given = member(properties, _FIFO.get(self.kind(logical_id), ""))
        return given is not None and text(self.node(given)) == "true"

    def _called(self, name: str, given: Node, place: Place) -> Node | None:
        if name == "Ref":
            return self._ref(text(given) or "", place)
        if name == "Fn::If":
            branch = self._branch(given, place)
            return None if branch is None else self.node(branch)
        carry_out = _FUNCTIONS.get(name)
        if carry_out is None:
            raise Unresolved(place, f"{name} cannot be told here")
        return carry_out(self, given, place)

    def _ref(self, name: str, place: Place) -> Node | None:
        if name == NO_VALUE:
            return None
        if name.removeprefix("AWS::") in self.pseudo and name.startswith("AWS::"):
            return Scalar(place, self.pseudo[name.removeprefix("AWS::")])
        if name in self.parameters:
            found = self.parameters[name]
            return found if isinstance(found, List) else Scalar(place, text(found) or "")
        if member(self.root, "Parameters", name) is not None:
            raise Unresolved(
                place, f"the parameter {name} has no value: --parameter or template_parameters gives it one"
            )
        if member(self.root, "Resources", name) is None:
            raise Unresolved(place, f"there is no parameter and no resource {name!r}")
        kind = self.kind(name)
        if kind not in NAMED_BY:
            raise Unresolved(place, f"what Ref gives of {name} ({kind}) is known when it is deployed only")
        return Scalar(place, self._filled(REFERENCES.get(kind, "{name}"), name))

    def _filled(self, form: str, logical_id: str) -> str:
        words = {"partition": "Partition", "region": "Region", "account": "AccountId", "sqs": "sqs"}
        return form.format(name=self.name(logical_id), **{key: self.pseudo[word] for key, word in words.items()})

    def attribute(self, given: Node, place: Place) -> Node:
        """Fn::GetAtt."""
        name, _, attribute = ".".join(text(each) or "" for each in items(given)).partition(".")
        if member(self.root, "Resources", name) is None:
            raise Unresolved(place, f"there is no resource {name!r}")
        form = ATTRIBUTES.get((self.kind(name), attribute))
        if form is None:
            raise Unresolved(place, f"{attribute} of {name} ({self.kind(name)}) is known when it is deployed only")
        return Scalar(place, self._filled(form, name))

    def substitute(self, given: Node, place: Place) -> Node:
        """Fn::Sub."""
        form, *more = items(given)
        own = table(more[0] if more else None, place)

        def value(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in own.entries:
                return self.text(own.entries[name].node)
            found = self.attribute(Scalar(place, name), place) if "." in name else self._ref(name, place)
            return text(found) or ""

        return Scalar(place, _VARIABLE.sub(value, text(form) or ""))

    def join(self, given: Node, place: Place) -> Node:
        """Fn::Join."""
        separator, values = self._two("Fn::Join", given, place)
        return Scalar(place, (text(separator) or "").join(self.text(each) for each in self._list(values)))

    def select(self, given: Node, place: Place) -> Node:
        """Fn::Select."""
        index, values = self._two("Fn::Select", given, place)
        listed, at = self._list(values), self.text(index)
        if not at.isdecimal() or int(at) >= len(listed):
            raise Unresolved(place, f"Fn::Select has no item {at}")
        return listed[int(at)]

    def split(self, given: Node, place: Place) -> Node:
        """Fn::Split."""
        separator, whole = self._two("Fn::Split", given, place)
        between = text(separator)
        if not between:
            raise Unresolved(place, "Fn::Split takes a separator")
        return List(place, [Scalar(place, part) for part in self.text(whole).split(between)])

    def find(self, given: Node, place: Place) -> Node:
        """Fn::FindInMap."""
        names = [self.text(each) for each in items(given)[:3]]
        found = member(self.root, "Mappings", *names)
        if found is None:
            raise Unresolved(place, f"Mappings have no {'.'.join(names)}")
        return found

    def encoded(self, given: Node, place: Place) -> Node:
        """Fn::Base64."""
        return Scalar(place, base64.b64encode(self.text(given).encode()).decode())

    def text(self, node: Node) -> str:
        """A text. Raises Unresolved, also for what is none."""
        found = text(self.node(node))
        if found is None:
            raise Unresolved(node.place, "a text is wanted here")
        return found

    def _list(self, node: Node) -> list[Node]:
        return items(self.node(node))

    def _two(self, name: str, given: Node, place: Place) -> tuple[Node, Node]:
        both = items(given)
        if len(both) != 2:  # noqa: PLR2004 - as each of them has it
            raise Unresolved(place, f"{name} takes two values")
        return both[0], both[1]

    def _branch(self, given: Node, place: Place) -> Node | None:
        parts = items(given)
        if len(parts) != 3:  # noqa: PLR2004 - condition, then, else
            raise Unresolved(place, "Fn::If takes a condition and two values")
        chosen = parts[1] if self.condition(text(parts[0]) or "", place) else parts[2]
        return None if _is_no_value(chosen) else chosen

    def _holds(self, node: Node) -> bool:
        call = _call(node)
        name, given = call or ("", node)
        if name == "Condition":
            return self.condition(text(given) or "", node.place)
        if name == "Fn::Equals":
            left, right = self._two(name, given, node.place)
            return self.text(left) == self.text(right)
        if name == "Fn::Not":
            return not all(map(self._holds, items(given)))
        if name in {"Fn::And", "Fn::Or"}:
            return (all if name == "Fn::And" else any)([self._holds(each) for each in items(given)])
        raise Unresolved(node.place, "this is no condition that can be told here")


_FUNCTIONS: Mapping[str, Callable[[Resolver, Node, Place], Node]] = {
    "Fn::GetAtt": Resolver.attribute,
    "Fn::Sub": Resolver.substitute,
    "Fn::Join": Resolver.join,
    "Fn::Select": Resolver.select,
    "Fn::Split": Resolver.split,
    "Fn::FindInMap": Resolver.find,
    "Fn::Base64": Resolver.encoded,
}


def _call(node: Node) -> tuple[str, Node] | None:
    """Name and argument, if the node is a function."""
    if not isinstance(node, Table) or len(node.entries) != 1:
        return None
    ((name, entry),) = node.entries.items()
    return (name, entry.node) if name.startswith("Fn::") or name in {"Ref", "Condition"} else None


def _is_no_value(node: Node) -> bool:
    call = _call(node)
    return call is not None and call[0] == "Ref" and text(call[1]) == NO_VALUE
