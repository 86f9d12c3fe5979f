"""Builds the answers that the tests of a description give."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Final

from adapters.http_client.reply import Reply, retry_after
from config.problems import Path
from config.registry.lint.answers import read_as
from config.registry.model.answer_formats import Csv, Decoder, JsonDocument
from config.registry.model.source import Step
from config.registry.model.trials import TrialResponse

ReadFile = Callable[[Path, str], bytes]
"""Reads the file that is named at a place below the source. Raises NoFile."""

_TYPES: Final[Mapping[str, str]] = {
    "json": "application/json",
    "xml": "text/xml; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


def trial_reply(response: TrialResponse, step: Step, place: Path, read_file: ReadFile) -> Reply:
    """What the registry answers in a test. `place` is that of the response. Raises NoFile."""
    first = step.decoders[0]
    body, kind, encoding = b"", read_as(step), encoding_of(first)
    if response.content is not None:
        encoding = encoding if kind == "json" else "utf-8"
        body, kind = json.dumps(response.content, ensure_ascii=False).encode(encoding, "replace"), "json"
    elif response.text is not None:
        body = response.text.encode(encoding, "replace")
    elif response.file is not None:
        body = read_file((*place, "file"), response.file)
        suffix = response.file.rpartition(".")[2].lower()
        kind = suffix if suffix in _TYPES else kind
    headers = {name.lower(): value for name, value in response.headers.items()}
    if body:
        headers.setdefault("content-type", _TYPES[kind])
    return Reply(response.status, headers, body, retry_after(headers.get("retry-after"), time.time()))


def encoding_of(decoder: Decoder) -> str:
    """How an answer that `decoder` reads encodes letters."""
    match decoder:
        case Csv(csv=form):
            return form.encoding
        case JsonDocument(form=form):
            return form.encoding
    return "utf-8"
