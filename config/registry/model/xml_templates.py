"""Checks that an XML body is well-formed, whatever the values of its placeholders.

The documents are parsed with a word in place of each placeholder. Values are escaped as text, so a placeholder may be
where text is: between tags, or in the value of an attribute. In a name it could make another name, in a comment it
would be ignored, and in CDATA the escapes themselves would be read as text.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from config.registry.model.secrecy import HOLE
from config.registry.model.templates import pieces

_MARK = "placeholder-{}."
_MARKS = re.compile(r"placeholder-[0-9]+\.")


class XmlFault(Exception):
    """What is wrong with a document, and what to do."""


def texts_in_xml(text: str) -> list[tuple[str, str]]:
    """The texts of the template `text`, each with the name of its element or attribute; a HOLE is each placeholder.

    Raises XmlFault: it is not well-formed, it has a DOCTYPE or a processing instruction, or a placeholder is where no
    value can be escaped.
    """
    document, names = "", list[str]()
    for literal, placeholder in pieces(text.strip()):
        document += literal
        if placeholder is not None:
            document += _MARK.format(len(names))
            names.append(placeholder.name)
    texts = _texts_of(document)
    marks = [_MARK.format(number) for number in range(len(names))]
    everything = "\n".join(value for _, value in texts)
    for name, mark in zip(names, marks, strict=True):
        if mark not in everything:
            hint = "put it between two tags or into an attribute, outside of comments and CDATA"
            raise XmlFault(f"{{{name}}} is where no value can be escaped — {hint}")
    return [(name, _MARKS.sub(HOLE, value)) for name, value in texts]


def _texts_of(document: str) -> list[tuple[str, str]]:
    """The texts of a document outside of CDATA, and its attributes' values, each with its name."""
    texts: list[tuple[str, str]] = []
    above: list[tuple[str, list[str]]] = []
    # With a separator, expat also checks namespaces: an undeclared prefix is an error.
    parser = expat.ParserCreate(namespace_separator=" ")

    def begin(name: str, attributes: dict[str, str]) -> None:
        above.append((_local(name), []))
        texts.extend((_local(attribute), value) for attribute, value in attributes.items())

    def end(_: str) -> None:
        name, written = above.pop()
        texts.append((name, "".join(written)))

    def keep(text: str) -> None:
        above[-1][1].append(text)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, keep
    parser.StartCdataSectionHandler = lambda: setattr(parser, "CharacterDataHandler", None)
    parser.EndCdataSectionHandler = lambda: setattr(parser, "CharacterDataHandler", keep)
    parser.XmlDeclHandler = _check_declaration
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = _refuse
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        said = f"this is no well-formed XML (in line {error.lineno} of it: {expat.ErrorString(error.code)})"
        raise XmlFault(f"{said} — close each element, and write &amp; and &lt; in texts") from None
    return texts


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _check_declaration(_: str, encoding: str | None, __: int) -> None:
    if encoding is not None and encoding.lower() != "utf-8":
        raise XmlFault('bodies are sent as UTF-8 — write encoding="UTF-8", or remove the declaration')


def _refuse(*_: object) -> None:
    raise XmlFault("a body has no DOCTYPE and no processing instruction — remove it")
