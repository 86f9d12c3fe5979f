"""What a service of the server answers before a mood spoils it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON document with its HTTP status."""

    document: Any
    status: int = 200

    @property
    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False).encode()
