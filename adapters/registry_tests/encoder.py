"""Encodes a tree as JSON, XML, XML in a text, or a table: the inverse of `decoder`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from adapters.http_client.reply import Reply
from adapters.registry.decoder import ReplyDecoder
from adapters.registry.places import Place
from adapters.registry.trial_replies import encoding_of
from adapters.registry_tests.mutations import Change, change_at, replace_with
from config.registry.model.answer_formats import Csv, CsvTable, Decoder, XmlIn
from config.registry.model.expressions import walk
from config.registry.model.source import Step
from config.registry.roster import RosterFile

_NAME: Final = re.compile(r"[^\W\d][\w.-]*")
_NIL: Final = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'


class Unwritable(Exception):
    """An answer of this format cannot hold the tree, as a table cannot hold a list."""


class Levels:
    """An answer of `step` as trees: that of the whole, and that of each document inside the one before."""

    def __init__(self, step: Step, reply: Reply) -> None:
        self._decoders = step.decoders
        self._reply = reply
        self._inner: list[Place] = []
        self.trees: list[Any] = []
        for depth, decoder in enumerate(step.decoders):
            outer = step.model_copy(update={"decode": step.decoders[: depth + 1], "as_list": ()})
            found = ReplyDecoder(outer).read(reply)
            place = _place(decoder.xml_in) if isinstance(decoder, XmlIn) else ()
            if found.trouble or place is None:
                break
            self._inner += [place] if place else []
            self.trees.append(found.body)

    def with_tree(self, level: int, tree: Any) -> Reply:
        """The answer with another tree at one level. Raises Unwritable where its format cannot hold it."""
        for depth in range(level, 0, -1):
            text = _xml(tree)
            tree = change_at(self.trees[depth - 1], self._inner[depth - 1], replace_with(text))
        body = encode(tree, self._decoders[0])
        return Reply(self._reply.status, self._reply.headers, body, self._reply.retry_after)


def changed_reply(step: Step, reply: Reply, level: int, place: Place, change: Change) -> Reply:
    """An answer of `step` with a change at a place of that level; as it is where it has no such level."""
    levels = Levels(step, reply)
    try:
        return levels.with_tree(level, change_at(levels.trees[level], place, change))
    except (IndexError, Unwritable):
        return reply


def encode(tree: Any, decoder: Decoder) -> bytes:
    """`tree` as the body of an answer that `decoder` reads. Raises Unwritable where the format cannot hold it."""
    match decoder:
        case "xml":
            return _xml(tree).encode()
        case "csv":
            return encode_table(tree, CsvTable())
        case Csv(csv=form):
            return encode_table(tree, form)
    return json.dumps(tree, ensure_ascii=False).encode(encoding_of(decoder), "replace")


def _place(expression: str) -> Place | None:
    """The keys of an expression that is nothing but keys: `Envelope.Body.answer`; None for another."""
    nodes = list(walk(expression))  # the last key comes first
    if any(node["type"] not in {"subexpression", "field"} for node in nodes):
        return None
    return tuple(node["value"] for node in reversed(nodes) if node["type"] == "field")


def _xml(tree: Any) -> str:
    if isinstance(tree, dict) and len(tree) == 1:
        ((name, value),) = tree.items()
        if not isinstance(value, list):
            return "".join(_element(name, value))
    raise Unwritable("an XML document has one root")


def _element(name: str, value: Any) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        raise Unwritable("no name of an element")
    match value:
        case None:
            yield f"<{name}{_NIL}/>"
        case dict():
            yield f"<{name}{''.join(_attribute(key[1:], part) for key, part in value.items() if key[:1] == '@')}>"
            for key, part in value.items():
                if key == "#text":
                    yield escape(_text(part))
                elif key[:1] != "@":
                    for one in part if isinstance(part, list) else [part]:
                        yield from _element(key, one)
            yield f"</{name}>"
        case _:
            yield f"<{name}>{escape(_text(value))}</{name}>"


def _attribute(name: str, value: Any) -> str:
    if not _NAME.fullmatch(name):
        raise Unwritable("no name of an attribute")
    return f" {name}={quoteattr(_text(value))}"


def encode_table(tree: Any, form: CsvTable | RosterFile) -> bytes:
    """`tree` as a table of that form. Raises Unwritable where it is no list of maps with the same keys."""
    if not isinstance(tree, list) or not tree or any(not isinstance(row, dict) for row in tree):
        raise Unwritable("a table is a list of maps")
    names = list(tree[0])
    if any(row.keys() != tree[0].keys() for row in tree):
        raise Unwritable("the lines of a table have the same columns")
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=form.delimiter, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_text(row[name]) for name in names] for row in tree)
    return made.getvalue().encode(form.encoding, "replace")


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
    raise Unwritable("a text cannot hold a tree")
