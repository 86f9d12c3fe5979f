"""Decodes JSON, XML or a table into plain data, and says how much of it the registry itself answered.

XML becomes a tree that JMESPath can be asked of. Namespaces and comments are dropped and the root's name is kept; an
element with text alone is that text, one child is its value and several of a name are a list; attributes are `@name`,
and text beside them or beside children is `#text`. An empty element is "", one that is `xsi:nil` is null; other
attributes of that namespace say nothing about anybody and are dropped, too.

A document type is refused where it begins, in every encoding: lxml (6.1) opens a file for an external parameter entity
even where it is told to resolve no entities.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from lxml import etree

from adapters.base import Unreadable
from adapters.http_client.reply import WHOLE, Reply
from adapters.registry.expressions import Expression
from config.registry.model.answer_formats import Csv, CsvTable, XmlIn
from config.registry.model.source import Step

_DEEPEST_XML = 64
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_NO_TABLE = re.compile(r"\s*[<{\[]")

_ENCODED = re.compile(rb"\s*<\?xml\b[^>]*\bencoding\b")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?(iso-8859-1|iso-8859-15|windows-1252)\"?\s*(?:;|$)", re.IGNORECASE)
_CONTROLS = re.compile("[\x80-\x9f]")
"""What no text has: the control characters of ISO 8859, in place of what Windows has there."""


class Origin(Enum):
    """Whose word an answer is."""

    WHOLE = auto()
    """The registry's own, and read to the end."""
    PART = auto()
    """The registry's own as far as it could be read; what it holds further inside could not."""
    NOTHING = auto()
    """An empty answer."""
    FOREIGN = auto()
    """Of another form than described, like the page of a proxy."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An answer as plain data; `body` is None where nothing could be read. `trouble` says what was wrong with it."""

    body: Any = field(repr=False)
    word: Origin
    trouble: str = ""


class ReplyDecoder:
    """How the answers of one step are read, compiled. Thread-safe.

    `columns` are what a table must have to be the one that is described: of each group one.
    """

    def __init__(self, step: Step, columns: Iterable[Collection[str]] = ()) -> None:
        first, *inner = step.decoders
        self._first = _first(first, tuple(columns))
        self._inner = tuple(Expression(one.xml_in) for one in inner if isinstance(one, XmlIn))
        self._lists = tuple(tuple(path.split(".")) for path in step.as_list)

    def read(self, reply: Reply) -> Decoded:
        """The body of `reply`, as far as it can be read. Never raises: an outcome may tell what the status means."""
        body, trouble = _tried(self._first, reply)
        if trouble is not None:
            return Decoded(None, Origin.FOREIGN if reply.body.strip() else Origin.NOTHING, trouble)
        word, said = Origin.WHOLE, ""
        if 200 <= reply.status < 300 and reply.status not in WHOLE:
            word, said = Origin.PART, f"the answer is not the whole one (HTTP {reply.status})"
        for expression in self._inner:
            inner, trouble = _tried(_embedded, _found(expression, body))
            if trouble is not None:
                word, said = Origin.PART, trouble
                break
            body = inner
        for path in self._lists:
            _make_list(body, path)
        return Decoded(body, word, said)


def xml_tree(content: bytes) -> dict[str, Any]:
    """An XML document as a plain tree.

    Raises:
        Unreadable: it is no well-formed XML, has a document type, or is nested too deep.
    """
    builder = _Builder()
    target: Any = builder  # lxml asks less of a target than its stubs do
    parser = etree.XMLParser(
        target=target,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    trouble = "the answer is not well-formed XML"
    try:
        etree.fromstring(content, parser)
    except _Forbidden as forbidden:
        trouble = str(forbidden)
    except (etree.LxmlError, ValueError, LookupError, AssertionError):
        # Raised below: here it would carry the parser's exception along, which may hold some of the answer.
        pass
    else:
        # Behind an error that it takes for a small one, such as a prefix without a namespace, libxml2 (2.14) does not
        # tell of what follows, be it a second root.
        if not any(error.level >= etree.ErrorLevels.ERROR for error in parser.error_log):
            return builder.root
    raise Unreadable(trouble)


def table(content: bytes, form: CsvTable, columns: Iterable[Collection[str]] = ()) -> list[dict[str, str]]:
    """A CSV document as a list of maps, by its first line.

    A page would be a table of one column, so a table has at least two, and each line as many; a sentence with a comma
    would be one without lines, so it has one of each group of `columns`. Where it breaks off it could break off within
    a value, so its last line has an end.

    Raises:
        Unreadable: it is no such table, or not in the encoding that is described.
    """
    rows: list[list[str]] = []
    text = _text(content, form.encoding)
    if form.final_line_end and text.strip() and not text.endswith(("\n", "\r")):
        raise Unreadable("the last line of the table has no end, as if more had followed (see final_line_end)")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, strict=True) if row]
    except (ValueError, csv.Error):
        text = ""
    names = [name.strip() for name in rows[0]] if rows else []
    if len(names) < 2 or len(set(names)) < len(names) or "\0" in text or _NO_TABLE.match(text):
        raise Unreadable("the answer is not a table with a line of column names")
    for group in columns:
        if not any(name in group for name in names):
            raise Unreadable(f"the table has no column {' or '.join(sorted(group))}, which its description reads")
    if any(len(row) != len(names) for row in rows):
        raise Unreadable("a line of the table has more or fewer values than there are columns")
    return [dict(zip(names, row, strict=True)) for row in rows[1:]]


def _text(content: bytes, encoding: str) -> str:
    """The text of a table in the encoding that is described.

    Any bytes can be read in an encoding of one byte for each character. What is UTF-8 beyond ASCII is no such text but
    by a chance that no language gives, and neither is one with control characters.

    Raises:
        Unreadable: it is in another encoding.
    """
    text = _decoded(content, "utf-8-sig" if encoding == "utf-8" else encoding)
    of_one_byte = encoding != "utf-8" and not content.isascii()
    if text is None or (of_one_byte and (_CONTROLS.search(text) or _decoded(content, "utf-8") is not None)):
        raise Unreadable(f"the table is not in the encoding that is described ({encoding})")
    return text


def _decoded(content: bytes, encoding: str) -> str | None:
    """`content` as text; None where it is none. No exception leaves, which would hold the whole answer."""
    try:
        return content.decode(encoding)
    except ValueError:
        return None


class _Forbidden(Exception):
    """Something in the XML that no registry's answer needs."""


class _Builder:
    """Builds the tree while lxml reads, so that what is too deep or forbidden ends it early."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str], bool]] = [("", self.root, [], False)]

    def doctype(self, *_: object) -> None:
        raise _Forbidden("the answer is XML with a document type (DOCTYPE), which is refused")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if len(self._open) > _DEEPEST_XML:
            raise _Forbidden(f"the answer is nested deeper than {_DEEPEST_XML} levels")
        held: dict[str, Any] = {}
        nil = False
        for name, value in attributes.items():
            if name.startswith(_XSI):
                nil = nil or (name == _XSI + "nil" and value.strip() in ("true", "1"))
            elif (key := "@" + _local(name)) in held:
                raise _Forbidden("an element of the answer has two attributes of one name")
            else:
                # Where it resolves no entities, libxml2 leaves an ampersand in an attribute as it was escaped.
                held[key] = value.replace("&#38;", "&")
        self._open.append((_local(tag), held, [], nil))

    def data(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, _: str) -> None:
        name, held, texts, nil = self._open.pop()
        text = "".join(texts).strip()
        value: Any = held
        if not held:
            value = text or (None if nil else "")
        elif text:
            held["#text"] = text
        above = self._open[-1][1]
        if name not in above:
            above[name] = value
        elif isinstance(above[name], list):
            above[name].append(value)
        else:
            above[name] = [above[name], value]

    def close(self) -> None:
        """Called by lxml at the end."""


def _local(name: str) -> str:
    return name[name.index("}") + 1 :] if name[0] == "{" else name


def _first(decoder: object, columns: Sequence[Collection[str]]) -> Callable[[Reply], Any]:
    match decoder:
        case "xml":
            return _xml
        case "csv":
            return lambda reply: table(reply.body, CsvTable(), columns)
        case Csv(csv=form):
            return lambda reply: table(reply.body, form, columns)
    return Reply.json


def _xml(reply: Reply) -> dict[str, Any]:
    if not reply.body.strip():
        raise Unreadable("the answer is empty")
    tree = xml_tree(_labelled(reply))
    if any(name.lower() == "html" for name in tree):
        raise Unreadable("the answer is a page for people (HTML)")
    return tree


def _labelled(reply: Reply) -> bytes:
    """The document as UTF-8, where nothing but its Content-Type says that it is in an encoding of one byte each.

    A label alone is not believed: servers give one by default. What is UTF-8, or UTF-16, stays that.
    """
    found = _CHARSET.search(reply.headers.get("content-type", ""))
    if found is None or b"\0" in reply.body or _ENCODED.match(reply.body) or _decoded(reply.body, "utf-8") is not None:
        return reply.body
    text = _decoded(reply.body, found[1])
    return reply.body if text is None else text.encode()


def _embedded(text: Any) -> dict[str, Any]:
    """The XML in a text of the answer. Its declaration speaks of bytes that it no longer stands in."""
    if not isinstance(text, str):
        raise Unreadable("the answer holds no XML in a text where it is described to stand")
    return xml_tree(_DECLARATION.sub("", text, count=1).strip().encode("utf-8", "replace"))


def _found(expression: Expression, body: Any) -> Any:
    found, trouble = _tried(expression.of, body)
    return None if trouble is not None else found


def _tried(read: Callable[[Any], Any], source: Any) -> tuple[Any, str | None]:
    """What `read` makes of `source`, or what is wrong with it."""
    try:
        return read(source), None
    except Unreadable as unreadable:
        return None, unreadable.detail


def _make_list(tree: Any, path: Sequence[str]) -> None:
    """Make the elements at `path` a list, also where there is one. Where there is none, nothing is made up."""
    *above, last = path
    nodes = [tree]
    for name in above:
        below = [node[name] for node in nodes if isinstance(node, dict) and name in node]
        nodes = [child for found in below for child in (found if isinstance(found, list) else [found])]
    for node in nodes:
        if isinstance(node, dict) and last in node and not isinstance(node[last], list):
            node[last] = [node[last]]
