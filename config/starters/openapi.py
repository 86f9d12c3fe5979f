"""Reads from an OpenAPI 3 document what a draft needs: an operation's address, and an example of its answer.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from config.lint import CHOOSE
from config.starters.draft import likely_field

_DEEPEST: Final = 8
INVENTED: Final[Mapping[str, str]] = {
    "number": "10000001",
    "family": "Ashgrove",
    "given": "Linnet",
    "whole": "Linnet Ashgrove",
}
"""Values of someone invented, by the field that a key probably has."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Where an operation is asked, with {number} in the place of its first parameter, and an answer of it."""

    url: str
    answer: Any
    query: Mapping[str, str] = field(default_factory=dict)


def operation_at(document: Any, pointer: str) -> Operation:
    """The operation at a JSON pointer (RFC 6901), such as /paths/~1people~1{id}/get. Raises ValueError."""
    keys = [unquote(key).replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
    match keys:
        case ["paths", path, method] if method in {"get", "post"}:
            operation = _map(_at(document, keys), document)
        case _:
            raise ValueError("write #/paths/~1PATH/get behind its name, with ~1 for each / in the path")
    above = _map(_at(document, keys[:2]), document)
    parameters = [_map(each, document) for part in (operation, above) for each in part.get("parameters", ())]
    servers = [each for part in (operation, above, document) for each in part.get("servers", ())]
    base = str(servers[0].get("url", "")) if servers else ""
    base = base if re.match(r"https?://", base) else f"https://{CHOOSE}"
    named = [each["name"] for each in parameters if each.get("in") == "query" and each.get("required")]
    holes = re.findall(r"\{([^{}]*)\}", path)
    for name in holes:
        path = path.replace(f"{{{name}}}", "{number}" if name == holes[0] else CHOOSE)
    query = {} if holes else {name: "{number}" if name == named[0] else CHOOSE for name in named}
    url = re.sub(r"\{(?!number\})[^{}]*\}", CHOOSE, base.rstrip("/") + path)
    return Operation(url, _answer(operation, document), query)


def _answer(operation: Mapping[str, Any], document: Any) -> Any:
    """The example of a good answer, or one made by its schema."""
    responses = _map(operation.get("responses", {}), document)
    for code in sorted(responses, key=lambda code: (not str(code).startswith("2"), str(code))):
        content = _map(responses[code], document).get("content", {})
        for kind, part in content.items():
            if "json" in kind:
                return next(_examples(part, document))
    raise ValueError("this operation has no answer in JSON")


def _examples(part: Mapping[str, Any], document: Any) -> Iterator[Any]:
    if "example" in part:
        yield part["example"]
    for each in part.get("examples", {}).values():
        yield _map(each, document).get("value")
    yield _sample(part.get("schema", {}), document, "", ())


def _sample(schema: Any, document: Any, key: str, above: tuple[int, ...]) -> Any:
    """A value that a schema describes, with invented words by the name of its key; None for one inside of itself."""
    schema = _map(schema, document)
    for given in ("example", "const", "default"):
        if given in schema:
            return schema[given]
    for choices in ("examples", "enum"):
        if schema.get(choices):
            return schema[choices][0]
    if id(schema) in above or len(above) > _DEEPEST:
        return None
    above = (*above, id(schema))
    if parts := schema.get("allOf"):
        whole = [_sample(part, document, key, above) for part in parts]
        return {name: value for part in whole if isinstance(part, dict) for name, value in part.items()}
    for choices in ("oneOf", "anyOf"):
        if schema.get(choices):
            return _sample(schema[choices][0], document, key, above)
    if properties := schema.get("properties"):
        values = {name: _sample(part, document, name, above) for name, part in properties.items()}
        return {name: value for name, value in values.items() if value is not None}
    if "items" in schema:
        return [_sample(schema["items"], document, key, above)]
    return _scalar(schema, key)


def _scalar(schema: Mapping[str, Any], key: str) -> Any:
    kinds = schema.get("type", "string")
    kind = next((each for each in kinds if each != "null"), "null") if isinstance(kinds, list) else kinds
    likely = likely_field(key)
    match kind, schema.get("format"):
        case "string", "date":
            return "2099-12-31"
        case "string", "date-time":
            return "2099-12-31T00:00:00Z"
        case "string", _:
            return INVENTED.get(likely, "text")
        case (("integer" | "number"), _):
            return int(INVENTED["number"]) if likely == "number" else 1
    return {"boolean": True, "object": {}, "array": []}.get(kind)


def _at(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        document = _map(document, document).get(key)
    if document is None:
        raise ValueError(f"it has no /{'/'.join(keys)}")
    return document


def _map(part: Any, document: Any) -> Mapping[str, Any]:
    """A part of the document, where it is only referred to; an empty map for anything else."""
    for _ in range(_DEEPEST):
        reference = part.get("$ref") if isinstance(part, dict) else None
        if not isinstance(reference, str):
            break
        part = document
        for key in reference.removeprefix("#/").split("/"):
            part = part.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(part, dict) else None
    return part if isinstance(part, dict) else {}
