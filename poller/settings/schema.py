"""Model -> JSON Schema (draft 2020-12), for editors. The loader stays the judge: it also knows what holds between keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from poller.settings.hints import Shape, shape
from poller.settings.model import Composition, Settings, SourceSettings
from poller.settings.options import REQUIRED, Option, options_of

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema(sources: Mapping[str, type]) -> dict[str, Any]:
    """Return the schema of a whole configuration. sources: the Options of each source type to be known in it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of pollerd",
        **_whole(list(sources)),
        "$defs": {
            "variables": {"type": "string", "pattern": r"\$\{"},
            "reference": {"type": "string", "pattern": "^(?:file|env|credential):"},
            **{f"source-{name}": _source(name, options) for name, options in sources.items()},
        },
    }


def _whole(sources: Sequence[str]) -> dict[str, Any]:
    settings, composition = _object(Settings, sources), _object(Composition, sources)
    return settings | {"properties": composition["properties"] | settings["properties"]}


def _object(kind: type, sources: Sequence[str]) -> dict[str, Any]:
    options = options_of(kind)
    required = [option.name for option in options if option.default is REQUIRED]
    return {
        "type": "object",
        "properties": {option.name: _property(option, sources) for option in options},
        **({"required": required} if required else {}),
        **_alternatives(options),
        "additionalProperties": False,
    }


def _alternatives(options: Sequence[Option]) -> dict[str, Any]:
    """Keys that are required unless another one is there."""
    others = dict.fromkeys(option.rules["unless"] for option in options if "unless" in option.rules)
    rules = [
        {
            "if": {"not": {"required": [other]}},
            "then": {"required": [option.name for option in options if option.rules.get("unless") == other]},
        }
        for other in others
    ]
    return {"allOf": rules} if rules else {}


def _source(name: str, options: type) -> dict[str, Any]:
    body = _object(options, [])
    kind = {"const": name, "description": "Name of the connector."}
    return body | {"properties": {"type": kind} | body["properties"], "required": ["type", *body.get("required", [])]}


def _property(option: Option, sources: Sequence[str]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": option.text} if option.text else {}
    if option.hint is SourceSettings:
        return described | _any_source(sources)
    if option.rules.get("secret"):
        described |= {"writeOnly": True}
    elif isinstance(option.default, str | int | float):
        described |= {"default": option.default}
    if shape(option.hint).form == "either":
        return described | {"anyOf": [_value(form, option.rules, sources) for form in shape(option.hint).of]}
    return described | _value(option.hint, option.rules, sources)


def _any_source(sources: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"enum": list(sources)}},
        "required": ["type"],
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"#/$defs/source-{name}"}}
            for name in sources
        ],
    }


def _value(hint: Any, rules: Mapping[str, Any], sources: Sequence[str]) -> dict[str, Any]:
    match shape(hint):
        case Shape("scalar", kind):
            return _written({"type": _TYPES[kind]} | _rules(rules), rules)
        case Shape("choice", choices):
            return _written({"enum": list(choices)}, rules)
        case Shape("table", kind):
            return _object(kind, sources)
        case Shape("mapping", inner):
            names = {"propertyNames": {"pattern": f"^(?:{rules['keys']})$"}} if "keys" in rules else {}
            return {"type": "object", **names, "additionalProperties": _value(inner, rules, sources)}
        case Shape("list", inner):
            return {"type": "array", "items": _value(inner, rules, sources)}
        case _:
            return {}


def _written(value: dict[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    """The value itself, or what may be written in place of it: a text with variables, a reference to a secret."""
    forms = [value]
    if value != {"type": "string"}:
        forms.append({"$ref": "#/$defs/variables"})
        forms += [{"$ref": "#/$defs/reference"}] * ("secret" in rules and "reference" not in rules)
    if key := rules.get("reference"):
        reference = {"properties": {key: {"$ref": "#/$defs/reference"}}, "required": [key]}
        forms.append({"type": "object", **reference, "additionalProperties": False})
    return value if len(forms) == 1 else {"anyOf": forms}


def _rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    words: dict[str, Any] = {name: rules[name] for name in ("minimum", "maximum") if name in rules}
    if "choices" in rules:
        words["enum"] = list(rules["choices"])
    if "pattern" in rules:
        words["pattern"] = f"^(?:{rules['pattern']})$"
    return words
