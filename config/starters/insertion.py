"""Puts a draft into a configuration: the parts of each section below those that are there."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADS = re.compile(r"([a-z]+):\s*(?:#.*)?")


def put_into(text: str, draft: str) -> str:
    """`text` with the sections of `draft`. Its consultations are an example, which a text with others does not need."""
    lines = [] if text.strip() in {"", "{}"} else text.rstrip("\n").split("\n")
    for section, body in _sections(draft):
        heads = [index for index, line in enumerate(lines) if line.startswith(f"{section}:")]
        if not heads:
            lines += [f"{section}:", *body]
        elif section != "consultations":
            end = _end(lines, heads[0])
            lines[end:end] = body
    return "\n".join([*lines, ""])


def _sections(draft: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in draft.split("\n"):
        if head := _HEADS.fullmatch(line):
            found.append((head[1], []))
        elif found and line:
            found[-1][1].append(line)
    return found


def _end(lines: Sequence[str], head: int) -> int:
    """Behind the last line of a section; comments before the next one are of that."""
    end = next((index for index in range(head + 1, len(lines)) if lines[index][:1] not in {"", " ", "#"}), len(lines))
    while end > head + 1 and lines[end - 1][:1] in {"", "#"}:
        end -= 1
    return end
