"""Text functions of expressions, in addition to those of JMESPath.

Names and arguments are those of JMESPath Community where it has them (JEP 14,
https://github.com/jmespath-community/jmespath.spec), and `strip_prefix` is Rust's. Registries change, so unlike there,
null gives null, a whole number counts as its digits, and a text of another shape gives null, never a wrong part.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import jmespath
from jmespath.functions import Functions, signature

_WIDEST: Final = 100
"""Characters to which `pad_left` fills up."""

_LARGEST: Final = 1e16
"""From here on a float no longer has every whole number, and would be written with up to 309 digits."""

_TEXT: Final = {"types": ["string", "number", "null"]}
_STRING: Final = {"types": ["string"]}
_NUMBER: Final = {"types": ["number"]}


_F = TypeVar("_F", bound=Callable[..., Any])


def _taking(*kinds: Mapping[str, Any]) -> Callable[[_F], _F]:
    decorate: Callable[[_F], _F] = signature(*kinds)
    return decorate


class TextFunctions(Functions):  # type: ignore[misc] # jmespath has no types
    """JMESPath's functions and these. The first line of each docstring goes into the reference."""

    @_taking(_TEXT, _STRING)
    def _func_split(self, text: Any, separator: str) -> list[str] | None:
        """The parts of a text, `split(path, '/')[-1]`; null where it lacks the separator."""
        whole = _text(text)
        return whole.split(separator) if separator and separator in whole else None

    @_taking(_TEXT, _STRING)
    def _func_strip_prefix(self, text: Any, prefix: str) -> str | None:
        """What follows the prefix; null where the text has another beginning, or nothing follows."""
        whole = _text(text)
        return whole.removeprefix(prefix) or None if whole.startswith(prefix) else None

    @_taking(_TEXT, _NUMBER, _STRING)
    def _func_pad_left(self, text: Any, width: float, pad: str) -> str | None:
        """The text, filled up at its left: ``pad_left(id, `8`, '0')``; null where it is empty or longer."""
        whole = _text(text)
        return whole.rjust(int(width), pad) if 0 < len(whole) <= width <= _WIDEST and len(pad) == 1 else None

    @_taking(_TEXT)
    def _func_lower(self, text: Any) -> str | None:
        """The text in lower case."""
        return _text(text).lower() or None

    @_taking(_TEXT)
    def _func_trim(self, text: Any) -> str | None:
        """The text without spaces around it."""
        return _text(text).strip() or None

    @_taking(_TEXT)
    def _func_family_first(self, text: Any) -> dict[str, str] | None:
        """`{family, given}` of 'FAMILY NAME, Given names'; null unless one comma separates two names."""
        names = [part.strip() for part in _text(text).split(",")]
        return dict(zip(("family", "given"), names, strict=True)) if len(names) == 2 and all(names) else None


OPTIONS: Final = jmespath.Options(custom_functions=TextFunctions())
"""What evaluates expressions with these functions."""

SIGNATURES: Final[Mapping[str, str]] = {
    name: f"{name}({', '.join([*inspect.signature(known['function']).parameters][1:])})"
    for name, known in TextFunctions.FUNCTION_TABLE.items()
    if name not in Functions.FUNCTION_TABLE
}
"""How each of these functions is written, by its name."""

_TWICE: Final = dict.fromkeys(("to_string", "lower", "trim", "strip_prefix"), 2)
_GROWTH: Final[Mapping[str, int]] = {**_TWICE, "split": 4, "family_first": 8}


def growth(name: str, arguments: list[Mapping[str, Any]]) -> int:
    """How many times as long as its arguments the result of a function may be, as JSON."""
    if name != "pad_left":
        return _GROWTH.get(name, 1)
    width = arguments[1].get("value") if len(arguments) > 1 else None
    return 1 + width if isinstance(width, int) and width > 0 else 1


def call_faults(name: str, arguments: list[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with a call of a known function: the number of its arguments, and those of a text function."""
    taken = TextFunctions.FUNCTION_TABLE[name]["signature"]
    is_variadic = bool(taken) and taken[-1].get("variadic", False)
    if len(arguments) < len(taken) or (len(arguments) > len(taken) and not is_variadic):
        wanted = f"{'at least ' if is_variadic else ''}{len(taken)} argument{'' if len(taken) == 1 else 's'}"
        hint = f"write {SIGNATURES[name]}" if name in SIGNATURES else "see https://jmespath.org/specification.html"
        yield f"{name}() takes {wanted}, not {len(arguments)} — {hint}"
        return
    if name not in SIGNATURES:
        return
    for argument, kind in zip(arguments[1:], taken[1:], strict=True):
        value = argument.get("value") if argument["type"] == "literal" else None
        if kind is _NUMBER and (type(value) is not int or not 1 <= value <= _WIDEST):
            yield f"the width in {SIGNATURES[name]} is a number from 1 to {_WIDEST} — write it in backticks: `8`"
        elif kind is _STRING and (not isinstance(value, str) or not value):
            yield f"{SIGNATURES[name]} takes a text after the first argument — write it in single quotes: ','"
        elif kind is _STRING and name == "pad_left" and len(str(value)) != 1:
            yield "pad_left() fills up with one character — write one: '0'"


def _text(value: Any) -> str:
    """A text, or a number as its text; "" for null."""
    if value is None:
        return ""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST
    return str(int(value)) if is_whole else str(value)
