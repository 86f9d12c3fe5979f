"""Evaluates JMESPath expressions (https://jmespath.org/specification.html), parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jmespath
from jmespath.visitor import TreeInterpreter

from adapters.base import Unreadable
from config.registry.model.text_functions import OPTIONS

Node = Mapping[str, Any]

_INTERPRETER: Final = TreeInterpreter(OPTIONS)


class Expression:
    """A parsed expression, from its text or from jmespath's tree of it. Thread-safe."""

    def __init__(self, text: str | Node) -> None:
        self._tree: Node = jmespath.compile(text).parsed if isinstance(text, str) else text

    def evaluate(self, document: Any) -> Any:
        """The value of the expression. Raises Unreadable where a function meets another type than described."""
        try:
            return _INTERPRETER.visit(self._tree, document)
        except Exception:  # noqa: BLE001 - jmespath lets bare TypeErrors and RecursionErrors out
            trouble = Unreadable("the answer has another shape than described")
        # Raised outside the `except`, whose exception would be its context and may hold the answer.
        raise trouble


def holds(value: Any) -> bool:
    """JMESPath's truth: false, null and empty values are false; 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})
