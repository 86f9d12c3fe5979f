"""The JSON Schema of a configuration, for editors and for "did you mean"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from config.document import ACCESS_RULE_SCHEMA, Document
from config.presets import names_by_type
from config.problems import Path

_DISCRIMINATORS: Final = ("type", "check")


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a whole configuration. Do not change what it returns."""
    made = Document.model_json_schema(by_alias=True)
    # In pydantic, only the schema of a model can refer to itself.
    made["$defs"]["AccessRule"] = dict(ACCESS_RULE_SCHEMA)
    made["$defs"]["Consultation"]["properties"]["access"] = {"$ref": "#/$defs/AccessRule"}
    # A source with a preset need not be complete.
    presets = names_by_type()
    made["$defs"]["PresetSource"] = {
        "title": "PresetSource",
        "description": "A source that comes with jurat; the options next to `preset` change it.",
        "type": "object",
        "required": ["type", "preset"],
        "properties": {
            "type": {"enum": sorted(presets)},
            "preset": {"type": "string", "enum": sorted(name for names in presets.values() for name in names)},
        },
        "allOf": [
            {"if": {"properties": {"type": {"const": of_type}}}, "then": {"properties": {"preset": {"enum": names}}}}
            for of_type, names in sorted(presets.items())
        ],
    }
    sources = made["properties"]["sources"]
    sources["patternProperties"] = {
        pattern: {"if": {"required": ["preset"]}, "then": {"$ref": "#/$defs/PresetSource"}, "else": source}
        for pattern, source in sources["patternProperties"].items()
    }
    _tidy(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "jurat configuration", **made}


def _tidy(node: Any) -> None:
    """Forbid keys that are no names, and remove defaults that are not spelled as in a configuration."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        if node.get("type") == "string" and isinstance(node.get("default"), int | float):
            del node["default"]
        if node.get("default") == [] and node.get("minItems"):  # it is implied
            del node["default"]
        for child in node.values():
            _tidy(child)
    elif isinstance(node, list):
        for child in node:
            _tidy(child)


def schema_text() -> str:
    """The schema as text with a line end, as `jurat.schema.json` has it for editors."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def options_at(path: Path, data: Any) -> set[str]:
    """The keys that the schema knows in the map at `path` of `data`."""
    return {key for node in _nodes_at(path, data) for key in node.get("properties", ())}


def are_siblings(one: str, other: str) -> bool:
    """Whether the schema knows a map that may hold both options."""
    maps = [schema(), *schema()["$defs"].values()]
    return one != other and any({one, other} <= each.get("properties", {}).keys() for each in maps)


def choices_at(path: Path, data: Any) -> set[str]:
    """What the value at `path` of `data` may be, if that is a closed list."""
    *above, last = path
    options = [node.get("properties", {}).get(last, {}) for node in _nodes_at(tuple(above), data)]
    return {choice for option in options for choice in _choices(option)}


def _choices(option: dict[str, Any]) -> list[str]:
    return option["enum"] if "enum" in option else [option["const"]] if "const" in option else []


def _nodes_at(path: Path, data: Any) -> list[dict[str, Any]]:
    nodes = list(_branches(schema(), data))
    for part in path:
        data = value_at(data, (part,))
        nodes = [branch for node in nodes for child in _children(node, part) for branch in _branches(child, data)]
    return nodes


def value_at(data: Any, path: Path) -> Any:
    """The value at `path` of `data`; None if nothing is there."""
    for part in path:
        try:
            data = data[part]
        except (IndexError, KeyError, TypeError):
            return None
    return data


def _children(node: dict[str, Any], part: int | str) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        below = [node.get("items")]
    else:
        named = node.get("properties", {}).get(part)
        below = [named] if named else [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    yield from (child for child in below if isinstance(child, dict))


def _branches(node: dict[str, Any], data: Any) -> Iterator[dict[str, Any]]:
    """`node`, or the schemas that it refers to, as far as they can apply to `data`."""
    if "$ref" in node:
        yield from _branches(schema()["$defs"][node["$ref"].rpartition("/")[2]], data)
        return
    inner = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    inner += [node["else"]] if "else" in node else []
    for choice in inner:
        yield from _branches(choice, data)
    for key in _DISCRIMINATORS:
        choices = _choices(node.get("properties", {}).get(key, {}))
        if choices and isinstance(data, dict) and data.get(key, choices[0]) not in choices:
            return
    yield node
