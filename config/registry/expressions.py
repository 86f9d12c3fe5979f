"""JMESPath expressions in a registry's description, and what goes wrong with them unnoticed.

JMESPath (https://jmespath.org/specification.html) answers null for what is missing, which is what a registry that
changes its shape needs. Some mistakes also answer null, silently and always; they are refused here, with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

LONGEST: Final = 500

_NULL_BREAKS: Final = {"contains": 1, "ends_with": 1, "starts_with": 1, "join": 2, "length": 1, "keys": 1, "values": 1,
                       "max": 1, "min": 1, "sum": 1, "avg": 1, "sort": 1, "reverse": 1, "abs": 1, "ceil": 1, "floor": 1,
                       "map": 2, "max_by": 1, "min_by": 1, "sort_by": 1}  # fmt: skip
"""Functions that fail on null, and which of their arguments is the one that may be missing."""

_MAY_BE_MISSING: Final = frozenset(
    {"field", "subexpression", "index_expression", "projection", "value_projection", "filter_projection"}
)
_BIND_LESS_THAN_NOT: Final = frozenset(
    {"subexpression", "projection", "value_projection", "filter_projection", "flatten"}
)
_MOST_CURRENT_NODES: Final = 4


def check_expression(text: str) -> str:
    """`text`, if it is an expression that can be relied on. Raises PydanticCustomError with what to write instead."""
    if len(text) > LONGEST:
        raise _error(f"an expression has at most {LONGEST} characters")
    try:
        tree = jmespath.compile(text).parsed
    except JMESPathError as error:
        if re.search(r"(?<![`'\"\w])-?[0-9]+(?![`'\"\w\]:])", re.sub(r"`[^`]*`|'[^']*'", "", text)):
            raise _error("this is no JMESPath — a number stands in backticks: status == `200`") from None
        where = f" (column {error.lex_position + 1})" if getattr(error, "lex_position", None) is not None else ""
        raise _error(f"this is no JMESPath{where} — see https://jmespath.org/specification.html") from None
    except (ValueError, RecursionError):
        raise _error("this is no JMESPath, or nested too deep") from None
    nodes = list(_nodes(tree))
    for node in nodes:
        _check_node(node)
    if sum(node["type"] == "current" for node in nodes) > _MOST_CURRENT_NODES:
        raise _error(f"'@' stands more than {_MOST_CURRENT_NODES} times: its result could grow without end")
    return text


Expression = Annotated[
    str, AfterValidator(check_expression), Field(json_schema_extra={"maxLength": LONGEST, "examples": ["body.results"]})
]
"""A JMESPath expression that compiles and falls into none of the known traps."""


def _check_node(node: Mapping[str, Any]) -> None:
    children = node["children"]
    if node["type"] in _BIND_LESS_THAN_NOT and children[0]["type"] == "not_expression":
        raise _error("'!a.b' is read as '(!a).b', which is always null — write '!(a.b)'")
    if node["type"] != "function_expression":
        return
    name = node["value"]
    if name not in Functions.FUNCTION_TABLE:
        raise _error(f"there is no function {name}() in JMESPath")
    position = _NULL_BREAKS.get(name)
    if position is not None and len(children) >= position and children[position - 1]["type"] in _MAY_BE_MISSING:
        empty = "''" if name in {"ends_with", "starts_with"} else "`[]`"
        raise _error(f"{name}() fails where its argument is missing — write not_null(…, {empty})")


def _nodes(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(child for child in node["children"] if isinstance(child, dict))


def _error(message: str) -> PydanticCustomError:
    # The message is a value and no template: an administrator's own text may hold braces.
    return PydanticCustomError("expression", "{message}", {"message": message})
