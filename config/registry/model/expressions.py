"""JMESPath expressions in a description, and mistakes in them that would go unnoticed.

JMESPath (https://jmespath.org/specification.html) gives null for what is missing, which suits a registry that changes
its format. Some mistakes also give null, silently and always. They are refused here, with what to write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, Field

from config.problems import value_error
from config.registry.model.text_functions import SIGNATURES, TextFunctions, call_faults, growth

LONGEST: Final = 500

Node = Mapping[str, Any]
"""A part of an expression: its type, its value, and its children (https://github.com/jmespath/jmespath.py)."""


_NULL_BREAKS: Final = {"contains": 1, "ends_with": 1, "starts_with": 1, "join": 2, "length": 1, "keys": 1, "values": 1,
                       "max": 1, "min": 1, "sum": 1, "avg": 1, "sort": 1, "reverse": 1, "abs": 1, "ceil": 1, "floor": 1,
                       "map": 2, "max_by": 1, "min_by": 1, "sort_by": 1}  # fmt: skip
"""Functions that fail on null, and which of their arguments may be missing."""

_EMPTY: Final = {"ends_with": "''", "starts_with": "''", "keys": "`{}`", "values": "`{}`"}
"""What those functions take in place of a missing argument, where it is not an empty list."""

_LITERAL: Final = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"")
_HYPHENED: Final = re.compile(r"(?<!\w)[A-Za-z_]\w*(?:-\w+)+")
_PROJECTIONS: Final = frozenset({"projection", "value_projection", "filter_projection"})
_MAY_BE_MISSING: Final = _PROJECTIONS | {"field", "subexpression", "index_expression"}
_BIND_LESS_THAN_NOT: Final = _PROJECTIONS | {"subexpression", "flatten"}
_COMPARED_KEY: Final = re.compile(r"""[=!]=\s*"([\w -]*)"(?!\s*[.\[])""")
_NARROWS: Final = _PROJECTIONS | {"subexpression", "index_expression", "pipe"}
"""Nodes of which only the first child applies to the whole input."""

_MOST_COPIES: Final = 100
"""How many times a result may hold its input. The largest of a preset is 20, for names."""


def check_expression(text: str) -> str:
    """`text`, if it is a reliable expression. Raises PydanticCustomError with what to write instead."""
    if len(text) > LONGEST:
        raise value_error(f"an expression has at most {LONGEST} characters — shorten it")
    try:
        tree = jmespath.compile(text).parsed
    except JMESPathError as error:
        if found := _HYPHENED.search(_LITERAL.sub("", text)):
            raise value_error(f"this is no JMESPath — {_quote_hyphened(text, found[0])}") from None
        if re.search(r"(?<![`'\"\w])-?[0-9]+(?![`'\"\w\]:])", re.sub(r"`[^`]*`|'[^']*'", "", text)):
            raise value_error("this is no JMESPath — a number stands in backticks: status == `200`") from None
        where = f" (column {error.lex_position + 1})" if getattr(error, "lex_position", None) is not None else ""
        raise value_error(f"this is no JMESPath{where} — see https://jmespath.org/specification.html") from None
    except (ValueError, RecursionError):
        raise value_error(
            "this is no JMESPath, or nested too deep — see https://jmespath.org/specification.html"
        ) from None
    for node in walk(tree):
        _check_node(node)
    if found := _COMPARED_KEY.search(re.sub(r"`[^`]*`|'[^']*'", "``", text)):
        key = found[1]
        raise value_error(f"\"{key}\" in double quotes is a key — a text stands in single quotes: '{key}'")
    if (copies := _copies(tree)) > _MOST_COPIES:
        said = f"its result could grow without end, here to {copies:,} times the answer"
        raise value_error(f"{said} — ask for each part once, in place of lists of the whole such as [@, @] or [[], []]")
    return text


Expression = Annotated[
    str, AfterValidator(check_expression), Field(json_schema_extra={"maxLength": LONGEST, "examples": ["body.results"]})
]
"""A JMESPath expression that compiles and contains no known trap."""


def _quote_hyphened(text: str, key: str) -> str:
    """How to write an expression whose keys have hyphens, in YAML."""
    plain = _LITERAL.search(text) is None
    example = _HYPHENED.sub(lambda found: f'"{found[0]}"', text) if plain else f'…"{key}"…'
    return f"a key with a hyphen stands in double quotes, and all of it in single ones: '{example}'"


def root_keys(text: str) -> Iterator[str]:
    """The keys that an expression reads from its whole input, rather than from a part of it."""
    return (node["value"] for node in _root_nodes(text) if node["type"] == "field")


def names_below(text: str, root: str) -> list[str | None]:
    """NAME for each `root.NAME` that an expression reads from its whole input; None for a `root` without a name."""
    nodes = list(_root_nodes(text))
    named: dict[int, str | None] = {}
    for node in nodes:
        if node["type"] == "subexpression":
            whole, part = node["children"][:2]
            named[id(whole)] = part["value"] if part["type"] == "field" else None
    return [named.get(id(node)) for node in nodes if node["type"] == "field" and node["value"] == root]


def reads_whole(text: str) -> bool:
    """Whether an expression takes its whole input, or all of its values, rather than some keys."""
    return any(node["type"] in {"current", "identity"} for node in _root_nodes(text))


def _root_nodes(text: str) -> Iterator[Node]:
    """The nodes of an expression that apply to its whole input."""
    waiting: list[Node] = [jmespath.compile(text).parsed]
    while waiting:
        node = waiting.pop()
        yield node
        if node["type"] != "expref":
            waiting += children_of(node)[:1] if node["type"] in _NARROWS else children_of(node)


def walk(expression: str | Node) -> Iterator[Node]:
    """All nodes of an expression, or of the tree that it was parsed into."""
    waiting: list[Node] = [jmespath.compile(expression).parsed if isinstance(expression, str) else expression]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children_of(node)


def children_of(node: Node) -> list[Node]:
    """The nodes below a node, without the names and numbers that stand among them."""
    return [child for child in node["children"] if isinstance(child, dict)]


def gives_given(expression: str) -> bool:
    """Whether names that an expression builds, {family, given}, have a given name of their own."""
    splits = (node["type"] == "function_expression" and node["value"] == "family_first" for node in walk(expression))
    return any(splits) or any(key == "given" for key, _ in _entries(expression))


def gives_family(expression: str) -> bool:
    """Whether an expression builds family names itself."""
    return any(key == "family" for key, _ in _entries(expression))


def lists_families(expression: str) -> bool:
    """Whether a family name is built from several fields, `family: [first_surname, second_surname]`.

    Otherwise a list of family names is the record's own, and may be of several people.
    """
    return any(key == "family" and value["type"] == "multi_select_list" for key, value in _entries(expression))


def _entries(expression: str) -> Iterator[tuple[str, Node]]:
    """The keys of all maps that an expression builds, each with the node that gives its value."""
    return ((node["value"], children_of(node)[0]) for node in walk(expression) if node["type"] == "key_val_pair")


def _check_node(node: Node) -> None:
    children = node["children"]
    if node["type"] in _BIND_LESS_THAN_NOT and children[0]["type"] == "not_expression":
        raise value_error("'!a.b' is read as '(!a).b', which is always null — write '!(a.b)'")
    if node["type"] != "function_expression":
        return
    name = node["value"]
    if name not in TextFunctions.FUNCTION_TABLE:
        raise value_error(f"there is no function {name}() — there are JMESPath's own, and {', '.join(SIGNATURES)}")
    for said in call_faults(name, children):
        raise value_error(said)
    if name == "join" and children and children[0]["type"] != "literal":
        raise value_error("join() puts its first argument between all others — write it as a text: join(' ', …)")
    position = _NULL_BREAKS.get(name)
    if position is not None and len(children) >= position and _may_be_missing(children[position - 1]):
        empty = _EMPTY.get(name, "`[]`")
        raise value_error(f"{name}() fails where its argument is missing — write not_null(…, {empty})")


def _may_be_missing(node: Node) -> bool:
    return node["type"] in _MAY_BE_MISSING or (node["type"] == "function_expression" and node["value"] in SIGNATURES)


def _copies(node: Node) -> int:
    """How many times the result of a node may hold its input, at most.

    `[@, @]` holds it twice, and so does `[[], []]`; one after the other they multiply. Functions on texts may make
    them longer: as JSON, a text may double in length, for its quotes and backslashes are escaped.
    """
    children = children_of(node)
    copies = [_copies(child) for child in children]
    match node["type"]:
        case "multi_select_list" | "multi_select_dict":
            return max(1, _sum(children, copies))
        case "function_expression" if node["value"] == "map":
            return math.prod(copies)
        case "function_expression" if node["value"] != "not_null":
            return max(1, _sum(children, copies)) * growth(node["value"], children)
        case "function_expression" | "and_expression" | "or_expression" | "comparator":
            return max(copies, default=1)
    return math.prod(copies)


def _sum(children: Sequence[Node], copies: Sequence[int]) -> int:
    return sum(each for child, each in zip(children, copies, strict=True) if child["type"] != "literal")
