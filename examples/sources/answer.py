"""What a service of the server answers before a mood spoils it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON document with its HTTP status, or a document of XML as `xml`."""

    document: Any
    status: int = 200
    xml: bytes | None = None

    @property
    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False).encode() if self.xml is None else self.xml

    @property
    def kind(self) -> str:
        """Its Content-Type."""
        return "application/json" if self.xml is None else "text/xml"

    @property
    def emptied(self) -> Answer:
        """The same keys, but each value is null; the same elements, but none has a text."""
        if self.xml is not None:
            return replace(self, xml=re.sub(rb">[^<]+<", b"><", self.xml))
        entries = self.document if isinstance(self.document, list) else [self.document]
        nulls = [dict.fromkeys(entry) for entry in entries]
        return Answer(nulls if entries is self.document else nulls[0])
