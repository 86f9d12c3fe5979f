"""Decodes JSON, XML or a table into plain data, and says how much of it the registry itself answered.

XML becomes a tree for JMESPath. Namespaces and comments are dropped and the root's name is kept; an element with text
alone is that text, one child is its value and several of a name are a list. Attributes are `@name`, and text next to
attributes or children is `#text`. An empty element is "", one that is `xsi:nil` is null; other attributes of that
namespace are dropped, too.

A document type is refused in every encoding: lxml (6.1) opens a file for an external parameter entity even where
entities are not to be resolved.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any

from lxml import etree

from adapters.base import Unreadable
from adapters.http_client.reply import WHOLE, Reply
from adapters.registry.expressions import Expression
from config.registry.model.answer_formats import Csv, CsvTable, JsonDocument, JsonText, XmlIn
from config.registry.model.source import Step

_DEEPEST_XML = 64
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_NO_TABLE = re.compile(r"\s*[<{\[]")

_ENCODED = re.compile(rb"\s*<\?xml\b[^>]*\bencoding\b")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?(iso-8859-1|iso-8859-15|windows-1252)\"?\s*(?:;|$)", re.IGNORECASE)
_CONTROLS = re.compile("[\x80-\x9f]")
"""The control characters of ISO 8859, which no text has; Windows has letters and signs in their place."""


class Origin(Enum):
    """Whether an answer is the registry's own."""

    WHOLE = auto()
    """The registry's own, read to the end."""
    PART = auto()
    """The registry's own, but a document inside it could not be read."""
    NOTHING = auto()
    """An empty answer."""
    FOREIGN = auto()
    """In another format than described, like the page of a proxy."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An answer as plain data; `body` is None where nothing could be read. `trouble` says what was wrong with it."""

    body: Any = field(repr=False)
    origin: Origin
    trouble: str = ""


class ReplyDecoder:
    """Decodes the answers of one step. A table must have one column of each group in `columns`. Thread-safe."""

    def __init__(self, step: Step, columns: Iterable[Collection[str]] = ()) -> None:
        first, *inner = step.decoders
        self._first = _first(first, tuple(columns))
        self._inner = tuple(Expression(one.xml_in) for one in inner if isinstance(one, XmlIn))
        self._lists = tuple(tuple(path.split(".")) for path in step.as_list)

    def read(self, reply: Reply) -> Decoded:
        """The body of `reply`, as far as it can be read. Never raises: an outcome may need the status alone."""
        body, trouble = _attempt(self._first, reply)
        if trouble is not None:
            return Decoded(None, Origin.FOREIGN if reply.body.strip() else Origin.NOTHING, trouble)
        origin, problem = Origin.WHOLE, ""
        if 200 <= reply.status < 300 and reply.status not in WHOLE:
            origin, problem = Origin.PART, f"the answer is not the whole one (HTTP {reply.status})"
        for expression in self._inner:
            inner, trouble = _attempt(_parse_embedded, _attempt(expression.evaluate, body)[0])
            if trouble is not None:
                origin, problem = Origin.PART, trouble
                break
            body = inner
        for path in self._lists:
            _make_list(body, path)
        return Decoded(body, origin, problem)


def xml_tree(content: bytes) -> dict[str, Any]:
    """An XML document as a plain tree.

    Raises Unreadable where it is not well-formed, has a document type, or is nested too deep.
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
        # Raised below: here its context would be the parser's exception, which may hold some of the answer.
        pass
    else:
        # After an error that libxml2 (2.14) recovers from, such as a prefix without a namespace, it reports no further
        # ones, not even a second root.
        if not any(error.level >= etree.ErrorLevels.ERROR for error in parser.error_log):
            return builder.root
    raise Unreadable(trouble)


def table(content: bytes, form: CsvTable, columns: Iterable[Collection[str]] = ()) -> list[dict[str, str]]:
    """A CSV document as a list of maps, by its first line.

    A page could pass for a table of one column, so a table needs two, and as many values in each line; a sentence with
    a comma could pass for a table without lines, so it needs one of each group of `columns`. A table that is cut off
    could end within a value, so its last line needs an end.

    Raises Unreadable where it is not such a table, or not in the encoding that is described.
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
    """The text of an answer. Raises Unreadable where it is not in the encoding that is described. A single-byte one can
    decode any bytes. But text in it that is also UTF-8 beyond ASCII, or has control characters, does not occur in
    any language.
    """
    text = _decode(content, "utf-8-sig" if encoding == "utf-8" else encoding)
    is_single_byte = encoding != "utf-8" and not content.isascii()
    if text is None or (is_single_byte and (_CONTROLS.search(text) or _decode(content, "utf-8") is not None)):
        raise Unreadable(f"the answer is not in the encoding that is described ({encoding})")
    return text


def _decode(content: bytes, encoding: str) -> str | None:
    """`content` as text; None where it is not. No exception escapes, which would hold the whole answer."""
    try:
        return content.decode(encoding)
    except ValueError:
        return None


class _Forbidden(Exception):
    """Something in the XML that no registry's answer needs."""


class _Builder:
    """Builds the tree while lxml reads, and stops early at what is too deep or forbidden."""

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
                # Without resolving entities, libxml2 leaves an ampersand in an attribute escaped.
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
        case JsonDocument(form=JsonText(encoding=encoding)):
            return partial(_json, encoding)
        case "csv":
            return lambda reply: table(reply.body, CsvTable(), columns)
        case Csv(csv=form):
            return lambda reply: table(reply.body, form, columns)
    return Reply.json


def _json(encoding: str, reply: Reply) -> Any:
    _text(reply.body, encoding)
    return reply.json("utf-8-sig" if encoding == "utf-8" else encoding)


def _xml(reply: Reply) -> dict[str, Any]:
    if not reply.body.strip():
        raise Unreadable("the answer is empty")
    tree = xml_tree(_to_utf_8(reply))
    if any(name.lower() == "html" for name in tree):
        raise Unreadable("the answer is a page for people (HTML)")
    return tree


def _to_utf_8(reply: Reply) -> bytes:
    """The document as UTF-8, where only its Content-Type says that it is in a single-byte encoding. Servers send a
    charset by default, so a document that is UTF-8 or UTF-16 all the same is left as it is.
    """
    found = _CHARSET.search(reply.headers.get("content-type", ""))
    if found is None or b"\0" in reply.body or _ENCODED.match(reply.body) or _decode(reply.body, "utf-8") is not None:
        return reply.body
    text = _decode(reply.body, found[1])
    return reply.body if text is None else text.encode()


def _parse_embedded(text: Any) -> dict[str, Any]:
    """The XML in a text of the answer, without its declaration, whose encoding no longer applies."""
    if not isinstance(text, str):
        raise Unreadable("the answer has no text with XML at the place that the description names")
    return xml_tree(_DECLARATION.sub("", text, count=1).strip().encode("utf-8", "replace"))


def _attempt(read: Callable[[Any], Any], source: Any) -> tuple[Any, str | None]:
    """The result of `read`, or what is wrong with `source`."""
    try:
        return read(source), None
    except Unreadable as unreadable:
        return None, unreadable.detail


def _make_list(tree: Any, path: Sequence[str]) -> None:
    """Make the elements at `path` a list, also where there is only one. Where there is none, add nothing."""
    *above, last = path
    nodes = [tree]
    for name in above:
        below = [node[name] for node in nodes if isinstance(node, dict) and name in node]
        nodes = [child for found in below for child in (found if isinstance(found, list) else [found])]
    for node in nodes:
        if isinstance(node, dict) and last in node and not isinstance(node[last], list):
            node[last] = [node[last]]
