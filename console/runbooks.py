"""Shows the runbooks of docs/runbooks as pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from flask import url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "runbooks"

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_OTHER = re.compile(r"(?P<name>[A-Za-z0-9-]+)\.md(?:#.*)?")


def read(name: str) -> Markup | None:
    """A runbook in HTML, without its title; None if there is none of this name. Its text is English."""
    source = _source(name)
    if source is None:
        return None
    tokens = _MARKDOWN.parse(source.partition("\n")[2])
    for token in tokens:
        _relink(token.children or ())
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S704 - our own pages, without HTML


@cache
def _source(name: str) -> str | None:
    known = {file.stem: file for file in FOLDER.glob("*.md")}
    return known[name].read_text("utf-8") if name in known else None


def _relink(tokens: Iterable[Token]) -> None:
    """Lead links to other runbooks to their pages; those that lead out of the folder become text."""
    tag = "a"
    for token in tokens:
        if token.type == "link_open":
            other = _OTHER.fullmatch(str(token.attrs.get("href", "")))
            inside = other is not None and _source(other["name"]) is not None
            tag = "a" if inside else "span"
            token.attrs = {"href": url_for("now.runbook", name=other["name"])} if other and inside else {}
        if token.type in {"link_open", "link_close"}:
            token.tag = tag
