"""Texts with placeholders, `{name}`, `{secrets.name}` and `{name|filter}`, from which requests are built.

They hold no expressions: between braces there is a name, with filters from a closed list. A literal brace is written
twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from config.problems import printable, value_error
from config.suggestions import suggest

NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,62}$"
SECRETS: Final = "secrets."
_TOKEN = re.compile(r"\{\{|\}\}|\{((?:secrets\.)?[a-z][a-z0-9_]{0,62})((?:\|[^{}|\n]+)*)\}|[{}]")
_UNCLOSED = re.compile(r"\{(?:secrets\.)?[a-z][a-z0-9_]{0,62}(?![\w|.}])")
_NEARLY = re.compile(r"\{([^{}\n]{1,80})\}")
_DATE = re.compile(r"(?:[^%]|%[Yymd])+")
_DEEPEST_JSON = 16
_LONGEST = 2000
_LONGEST_XML = 20_000


class Filter(StrEnum):
    """What may follow a name: `{number|digits}`.

    `digits` keeps only digits; `upper` and `lower` change the case. `date:%d/%m/%Y` formats a date input with %Y, %y,
    %m and %d. `xml` escapes, as is done anyway for every value in an XML body.
    """

    DIGITS = "digits"
    UPPER = "upper"
    LOWER = "lower"
    DATE = "date"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name in braces and what is done to its value, in order; `date_format` is what follows `date:`."""

    name: str
    filters: tuple[Filter, ...] = ()
    date_format: str = ""


def pieces(text: str) -> Iterator[tuple[str, Placeholder | None]]:
    """The literal pieces of a template, each with the placeholder after it (None at the end).

    Raises PydanticCustomError for a single brace, or for braces that hold no name with filters.
    """
    literal, end = "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
        elif token[1] is None:
            if (meant := _NEARLY.match(text, token.start())) and (name := _name_in(meant[1])):
                raise value_error(f"'{printable(meant[0])}' is no placeholder — write {{{name}}} and nothing else")
            if opened := _UNCLOSED.match(text, token.start()):
                raise value_error(f"'{opened[0]}' is not closed — write {opened[0]}}}")
            if meant:
                said = f"'{printable(meant[0])}' is no placeholder — write the name of an input in braces"
                raise value_error(f"{said}, such as {{number}}, and a literal brace twice")
            raise value_error("a literal brace is written twice — a placeholder is a name in braces")
        else:
            yield literal, _placeholder(token[1], token[2])
            literal = ""
    yield literal + text[end:], None


def placeholders(value: Any) -> Iterator[Placeholder]:
    """The placeholders in a template, or in every text of a JSON tree."""
    return (found for _, text in texts_in(value) for _, found in pieces(text) if found is not None)


def texts_in(tree: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text in a JSON tree, with the keys above it."""
    match tree:
        case str():
            yield keys, tree
        case dict():
            for name, value in tree.items():
                yield from texts_in(value, (*keys, name))
        case list():
            for value in tree:
                yield from texts_in(value, keys)


def _name_in(written: str) -> str:
    """The name and filters that were probably meant between braces; "" if that cannot be guessed."""
    name, *filters = (part.strip() for part in written.strip(" $%#").split("|"))
    name = re.sub(r"^inputs?\.", "", name, flags=re.IGNORECASE)
    beginning = SECRETS if name.lower().startswith(SECRETS) else ""
    name = re.sub(r"[\s-]+", "_", name[len(beginning) :].strip()).lower()
    return "|".join(filter(None, [beginning + name, *filters])) if re.fullmatch(NAME_PATTERN, name) else ""


def _placeholder(name: str, written: str) -> Placeholder:
    filters, date_format = [], ""
    for one in written.split("|")[1:]:
        word, colon, argument = one.partition(":")
        if word not in set(Filter) or (colon and word != Filter.DATE):
            raise value_error(f"there is no filter '{one}' — {suggest(word, Filter)}")
        if word == Filter.DATE:
            if Filter.DATE in filters or not _DATE.fullmatch(argument):
                raise value_error(f"'{one}' writes no date — use %Y, %y, %m and %d once, such as date:%d/%m/%Y")
            date_format = argument
        filters.append(Filter(word))
    return Placeholder(name, tuple(filters), date_format)


def _check_template(text: str) -> str:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        raise value_error("has a control character — remove it")
    list(pieces(text))
    return text


def _check_xml_template(text: str) -> str:
    list(pieces(text))
    return text


def _check_tree(tree: Any) -> Any:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST_JSON:
            raise value_error(f"is nested more than {_DEEPEST_JSON} levels deep — make it flatter")
        match node:
            case str():
                _check_template(node)
            case dict():
                waiting.extend((child, depth + 1) for child in node.values())
            case list():
                waiting.extend((child, depth + 1) for child in node)
    return tree


Template = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_check_template)]
"""One line of text with placeholders."""

JsonTemplate = Annotated[dict[str, Any], AfterValidator(_check_tree)]
"""A JSON object whose texts are templates. A text that is a single placeholder becomes its value."""

XmlTemplate = Annotated[str, Field(max_length=_LONGEST_XML), AfterValidator(_check_xml_template)]
"""An XML document with placeholders; `xml` checks that it is one."""
