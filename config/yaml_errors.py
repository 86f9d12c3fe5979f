"""Turns errors of YAML's parser into sentences at the place of the mistake, which is often before the error.

The parser notices an unclosed quote at the next one, a missing space after a colon in the line below, and an unclosed
bracket at the end of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.tokens import ScalarToken

from config.problems import printable

ODD_SPACE: Final = "[\u00a0\u1680\u2000-\u200f\u2028\u2029\u202f\u2060\u3000\ufeff]"
"""Spaces that YAML takes for letters, and invisible characters."""

CURLY: Final = "“”„‟‘’‚‛«»‹›"

_ODD_PLACE = re.compile(rf"^[ \t-]*({ODD_SPACE})|[:,-]({ODD_SPACE})|({ODD_SPACE})\s*:")
_KEY = r"[\w.$-]+"
_GLUED = re.compile(rf"^(\s*(?:- +)*{_KEY}:)(?=[^\s:])")
_EQUALS = re.compile(rf"^\s*(?:- +)*{_KEY}\s*(=)")
_NO_COLON = re.compile(rf"^\s*(?:- +)*({_KEY})(?:\s+[^:]*)?$")
_WHOLE = re.compile(rf"^\s*(?:- +)*{_KEY}:\s+[^\s#]")
_COMMENT = re.compile(r"^\s*(//|/\*|--|;)")
_NO_ENTRY: Final = re.compile(r"""[ ]*(-(?=[A-Za-z_{\["'])|[•·‣*–—]\ +\S)""")
"""The beginning of a line that was meant as a list entry."""

NO_COMMENT: Final = ("this is no comment", "begin it with #")
_PLAIN_QUOTES: Final = 'write plain quotes "…", as these are letters to YAML'
_SENTENCES: Final = (
    (r"cannot start any token", "this character cannot begin a value", "put the value in quotes"),
    (r"expected ',' or '([\]}])'", "a ',' or the closing '{0}' is missing", "check the brackets"),
    (r"expected the node content", "a value is missing here", "check the commas and brackets"),
    (r"sequence entries are not allowed", "a '-' does not belong here", "put each list entry on a line of its own"),
    (r"undefined alias", "this alias has no anchor (&name) before it", "put the text in quotes, if it is one"),
    (r"unknown escape character", "a backslash precedes a character that it cannot escape", "use single quotes"),
    (r"comment or a line break", "after | or > a text begins on the next line", "put it there, or all in quotes"),
)


YamlFault = tuple[int, int, str, str]
"""A line and column that count from 0, what is wrong there, and what to do."""


def fault_of(error: MarkedYAMLError, text: str) -> YamlFault:
    """The error as a sentence at the place of the mistake."""
    return next(_explanations(_Trouble(error, text)))


class _Trouble:
    """An error, and the lines around it."""

    def __init__(self, error: MarkedYAMLError, text: str) -> None:
        self.text = text
        self.said = str(error.problem or error.context or "")
        self.context: StreamMark | None = error.context_mark
        mark = error.problem_mark or error.context_mark
        self._lines = [*text.splitlines(), ""]  # the last is where the text ends
        self.number = min(mark.line, len(self._lines) - 1) if mark else 0
        self.column = mark.column if mark else 0
        self.line = self._lines[self.number]
        self.found = self.line[self.column : self.column + 1]
        self.indent = indent_of(self.line)
        above = range(self.number - 1, -1, -1)
        self.above = next((n for n in above if self._lines[n].strip() and self._lines[n].strip()[0] != "#"), None)

    def at(self, number: int) -> str:
        return self._lines[number]

    def here(self, message: str, hint: str) -> YamlFault:
        return self.number, self.column, message, hint


def indent_of(line: str) -> int:
    """The number of spaces or tabs that a line begins with."""
    return len(line) - len(line.lstrip(" \t"))


def _explanations(trouble: _Trouble) -> Iterator[YamlFault]:
    yield from _odd_characters(trouble)
    yield from _quotes(trouble)
    yield from _entries(trouble)
    if "mapping values are not allowed" in trouble.said or "expected ',' or" in trouble.said:
        yield from _typographic(trouble)
    if "mapping values are not allowed" in trouble.said:
        yield from _colons(trouble)
    if "could not find expected ':'" in trouble.said:
        yield from _no_colon(trouble)
    if "<block end>" in trouble.said:
        yield from _indentation(trouble)
    if "expected ',' or" in trouble.said:
        yield from _brackets(trouble)
    for pattern, message, hint in _SENTENCES:
        if found := re.search(pattern, trouble.said):
            yield trouble.here(message.format(*found.groups()), hint)
    yield trouble.here(f"is no YAML: {printable(trouble.said)}", "")


def _odd_characters(trouble: _Trouble) -> Iterator[YamlFault]:
    tab = trouble.line[: trouble.indent].find("\t")
    if tab >= 0:
        yield trouble.number, tab, "there is a tab in the indentation", "use spaces"
    elif trouble.found == "\t":
        yield trouble.here("there is a tab here", "use spaces")
    for number in (trouble.number, trouble.above):
        if number is not None and (found := _ODD_PLACE.search(trouble.at(number))):
            column = max(found.start(group) for group in (1, 2, 3))
            said = f"there is a special space here (U+{ord(trouble.at(number)[column]):04X})"
            yield number, column, said, "write a plain one"
    if trouble.line.startswith("```"):
        yield trouble.number, 0, "``` is Markdown and no YAML", "remove the line"


def not_an_entry(line: str) -> tuple[int, str] | None:
    """Where and why a line that was meant as a list entry is wrong; None if it was not meant so."""
    found = _NO_ENTRY.match(line)
    if found is None:
        return None
    if found[1] == "-":
        return found.end(1), "a space is missing after the '-'"
    return found.start(1), f"a '{found[1][0]}' does not begin a list entry"


ENTRY: Final = "begin the entry with '- '"


def _entries(trouble: _Trouble) -> Iterator[YamlFault]:
    begun = trouble.context.line if trouble.context else None
    for number in (trouble.number, trouble.above, begun):
        if number is not None and (found := not_an_entry(trouble.at(min(number, trouble.number)))):
            yield min(number, trouble.number), *found, ENTRY


def _quotes(trouble: _Trouble) -> Iterator[YamlFault]:
    opened = _quote_over_lines(trouble)
    if "unexpected end of stream" in trouble.said and trouble.context:
        said, opened = "a quote is not closed", trouble.context
    else:
        said = f"a quote is not closed here, so it ends at the next one, in line {trouble.number + 1}"
    if opened is not None:
        curly = any(letter in trouble.at(opened.line) for letter in CURLY)
        yield opened.line, opened.column, said, _PLAIN_QUOTES if curly else "close it in the same line"
    before = trouble.line[: trouble.column].rstrip()
    if "expected ','" in trouble.said and before[-1:] in {'"', "'"} and trouble.found.isalnum():
        hint = "put the whole value in one pair of quotes, of the kind that it does not contain"
        yield trouble.here("this does not belong after the value", hint)


def _typographic(trouble: _Trouble) -> Iterator[YamlFault]:
    """A value in typographic quotes, which is no text to YAML if it has colons or brackets."""
    if found := re.search(rf"(?:^|[\s,\[{{])([{CURLY}])[^{CURLY}]*$", trouble.line[: trouble.column]):
        yield trouble.number, found.start(1), "this quote is typographic", _PLAIN_QUOTES


def _quote_over_lines(trouble: _Trouble) -> StreamMark | None:
    """Where a quoted text begins that ends in the line of the error, and not in its own."""
    found: StreamMark | None = None
    try:
        for token in YAML(typ="safe", pure=True).scan(trouble.text):
            if token.start_mark.line > trouble.number:
                break
            if isinstance(token, ScalarToken) and token.style in {'"', "'"}:
                ends_here = token.start_mark.line < token.end_mark.line == trouble.number
                found = found or (token.start_mark if ends_here else None)
    except YAMLError:
        pass  # the error itself
    return found


def _colons(trouble: _Trouble) -> Iterator[YamlFault]:
    before = trouble.line[: trouble.column]
    curly = any(letter in trouble.line for letter in CURLY)
    if re.search(r":\s", before):
        hint = _PLAIN_QUOTES if curly else "put the whole text after the first colon in quotes"
        yield trouble.here("a colon does not belong here", hint)
    if trouble.above is None:
        return
    above = trouble.at(trouble.above)
    if _COMMENT.search(above):
        first = trouble.above
        while first and _COMMENT.search(trouble.at(first - 1)):
            first -= 1
        yield first, indent_of(trouble.at(first)), *NO_COMMENT
    if found := _GLUED.search(above):
        yield trouble.above, found.end(1), "a space is missing after the colon", "write KEY: VALUE, with one"
    if found := _EQUALS.search(above):
        yield trouble.above, found.start(1), "this is no 'key: value'", "write a colon and a space in place of ="
    if _NO_COLON.search(above):
        yield trouble.above, indent_of(above), "a colon is missing after the key", "write KEY: VALUE"
    if _WHOLE.search(above) and trouble.indent > indent_of(above):
        said = "this line is further right than the one above, which already has a value"
        yield trouble.number, trouble.indent, said, "line it up with that one"
    yield trouble.here("a colon does not belong here", "quote the text, or check the lines above")


def _no_colon(trouble: _Trouble) -> Iterator[YamlFault]:
    mark = trouble.context
    number, column = (mark.line, mark.column) if mark else (trouble.number, trouble.column)
    line = trouble.at(min(number, trouble.number))
    if _COMMENT.search(line):
        yield number, column, *NO_COMMENT
    if _NO_COLON.search(line):
        hint = "write KEY: VALUE, or KEY: before what belongs to it"
        yield number, column, "a colon is missing after the key", hint
    yield number, column, "this is no 'key: value'", "check the colon after the key, and the quotes above"


def _indentation(trouble: _Trouble) -> Iterator[YamlFault]:
    if trouble.column > trouble.indent:
        if trouble.found in {",", "}", "]"}:
            said = f"this '{trouble.found}' closes nothing" if trouble.found != "," else "this ',' does not belong here"
            yield trouble.here(said, "remove it")
        yield trouble.here("this does not belong after the value", "put the whole value in one pair of quotes")
    lists = [
        number
        for number in range(trouble.number)
        if indent_of(trouble.at(number)) == trouble.indent and trouble.at(number).lstrip().startswith("- ")
    ]
    if lists and not trouble.line.lstrip().startswith("-"):
        yield from _too_far_right(trouble, lists[-1])
        said = f"a list begins here, and line {trouble.number + 1} is no entry of it"
        hint = "begin all lines with '- ', or none if they have names and colons"
        yield lists[-1], trouble.indent, said, hint
    yield trouble.here("this line does not fit the indentation of the lines above", "line it up with them")


def _too_far_right(trouble: _Trouble, in_list: int) -> Iterator[YamlFault]:
    """An option that is indented like the entries of a list, and belongs next to the option that holds it."""
    from config.schema import are_siblings  # noqa: PLC0415 - it reads presets, and those are YAML too

    holder = next((n for n in range(in_list, -1, -1) if indent_of(trouble.at(n)) < trouble.indent), None)
    if holder is None:
        return
    holds, stands = (re.match(rf"\s*(?:- +)*({_KEY}):", line) for line in (trouble.at(holder), trouble.line))
    if holds and stands and are_siblings(holds[1], stands[1]):
        first = next(n for n in range(holder, in_list + 1) if trouble.at(n).lstrip().startswith("- "))
        said = f"'{stands[1]}' is indented like the list in line {first + 1}, and is no entry of it"
        yield trouble.number, trouble.indent, said, f"line it up with '{holds[1]}' in line {holder + 1}"


def _brackets(trouble: _Trouble) -> Iterator[YamlFault]:
    if trouble.context and trouble.context.line < trouble.number and trouble.above is not None:
        above = trouble.at(trouble.above).rstrip()
        closing = "]" if "']'" in trouble.said else "}"
        if above and above[-1] not in ",{[":
            said = f"a ',' or the closing '{closing}' is missing at the end of this line"
            yield trouble.above, len(above), said, "check the brackets"
    if trouble.found in {"{", "["}:
        yield trouble.here(f"a text with '{trouble.found}' needs quotes", "put the whole value in quotes")
    if trouble.found == ":":
        hint = _PLAIN_QUOTES if any(letter in trouble.line for letter in CURLY) else "put the whole text in quotes"
        same = trouble.context is not None and trouble.context.line == trouble.number
        if same and re.search(r":\s", trouble.line[: trouble.column]):
            yield trouble.here("a colon does not belong here", hint)
