"""What someone may write into a queue of Redis that is no bell, and malformed bells."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

PERSONAL = "Iris Valombre"
"""Is in most of them, and must be in no log."""

_TEXT = base64.b64encode(json.dumps([[PERSONAL], {}, None]).encode()).decode()
_PROPERTIES: Mapping[str, Any] = {
    "delivery_tag": "1",
    "body_encoding": "base64",
    "delivery_info": {"exchange": "", "routing_key": "checks"},
}
_BELL: Mapping[str, Any] = {
    "body": base64.b64encode(b"[[], {}, null]").decode(),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"lang": "py", "task": "jurat.ring", "id": "0"},
    "properties": _PROPERTIES,
}

BELL = json.dumps(_BELL).encode()


def _bell(**fields: Any) -> bytes:
    return json.dumps({**_BELL, **{name.replace("_", "-"): value for name, value in fields.items()}}).encode()


def _properties(**fields: Any) -> bytes:
    return _bell(properties={**_PROPERTIES, **fields})


def _headers(**fields: Any) -> bytes:
    return _bell(headers={**_BELL["headers"], **fields})


UNREADABLE: Mapping[str, bytes] = {
    "no JSON": f"garbage {PERSONAL}".encode(),
    "nothing": b"",
    "bytes": b"\xff\xfe",
    "one long word": b"x" * (1 << 20),
    "deep": b"[" * 100_000,
    "a hook's own error": json.dumps({"__type__": "datetime", "__value__": PERSONAL}).encode(),
    "an empty object": b"{}",
    "a list": json.dumps([PERSONAL]).encode(),
    "a text": json.dumps(PERSONAL).encode(),
    "a number": b"7",
    "null": b"null",
    "no properties": _bell(properties=None),
    "no delivery tag": _bell(properties={"body_encoding": "base64", "delivery_info": {}}),
    "a body in an unknown encoding": _properties(body_encoding=PERSONAL),
    "a body that is no base64": _bell(body="A"),
    "headers in a list": _bell(headers=[PERSONAL]),
    "an unknown compression": _headers(compression=PERSONAL),
}
"""Not of the shape that Celery's protocol asks for."""

FOREIGN: Mapping[str, bytes] = {
    "no headers": _bell(headers=None),
    "the old protocol": _bell(headers={}, body=base64.b64encode(b'{"task": "jurat.ring", "id": "0"}').decode()),
    "another task": _headers(task=PERSONAL),
    "a task that is a list": _headers(task=[PERSONAL]),
}
"""Messages, but no bells."""

BADLY_WRITTEN: Mapping[str, bytes] = {
    "a body that is empty once decoded": _bell(body="!"),
    "no body": _bell(body=None),
    "a body that is a number": _bell(body=7, properties={**_PROPERTIES, "body_encoding": None}),
    "an unknown content type": _bell(content_type="x/y"),
    "a serializer that runs code": _bell(content_type="application/x-python-serialize"),
    "arguments": _bell(body=_TEXT),
    "a delivery tag that is a list": _properties(delivery_tag=[PERSONAL]),
    "no delivery info": _properties(delivery_info=None),
    "delivery info that is a text": _properties(delivery_info=PERSONAL),
    "a time in the far future": _headers(eta="9999-12-31T23:59:59+00:00"),
    "a time that is none": _headers(eta=PERSONAL, expires=PERSONAL),
    "expired": _headers(expires="2000-01-01T00:00:00+00:00"),
    "retries that are none": _headers(retries=PERSONAL, timelimit=PERSONAL),
}
"""Bells all the same: nothing but the name of the task is read."""

ALL: tuple[bytes, ...] = (*UNREADABLE.values(), *FOREIGN.values(), *BADLY_WRITTEN.values())
