"""Drafts the description of a registry from an example answer that somebody typed, in JSON or in XML."""

from __future__ import annotations

from datetime import date

from adapters.base import Unreadable
from adapters.registry.decoder import xml_tree
from adapters.registry_tests.encoder import Unwritable, encode
from config.starters.draft import draft_text
from config.starters.examples import LARGEST_ANSWER, json_in, too_large


def draft_of(name: str, answer: str, today: date) -> str:
    """A draft of the registry `name`. Raises ValueError with what is wrong, without any of the answer's content."""
    if len(answer.encode()) > LARGEST_ANSWER:
        raise too_large(LARGEST_ANSWER)
    if not answer.lstrip().startswith("<"):
        return draft_text(name, json_in(answer), today)
    try:
        return draft_text(name, xml_tree(answer.encode()), today, as_xml=lambda tree: encode(tree, "xml").decode())
    except (Unreadable, Unwritable) as error:
        raise ValueError(str(error)) from None
