"""Identifies the database of this program, without a URL, a user or a password.

Uses the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
from itertools import zip_longest
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_DEFAULT = "sqlite:///jurat.db"
_DEFAULT_PORT = "5432"


def installation(database_url: str) -> str:
    """16 hexadecimal digits that identify a database: a digest of its hosts, ports and name, or of its file."""
    parts = urlsplit(database_url)
    if parts.scheme.startswith("sqlite"):
        name = unquote(parts.path.removeprefix("/"))
        place = ["sqlite", os.path.realpath(name)]
    else:
        given = parse_qs(parts.query, keep_blank_values=True)
        where = parts.netloc.rpartition("@")[2] or given.get("host", [""])[0]
        # SQLAlchemy's form of a URL with several hosts has their ports apart. In any order they are one database.
        ports = given.get("port", [_DEFAULT_PORT])[0].split(",")
        each = zip_longest(where.lower().split(","), ports, fillvalue=ports[-1])
        hosts = sorted({_with_port(host, port or _DEFAULT_PORT) for host, port in each})
        name = unquote(parts.path.removeprefix("/")) or given.get("dbname", [""])[0] or unquote(parts.username or "")
        place = ["postgresql", ",".join(hosts), name]
    return hashlib.blake2b("\0".join(place).encode(errors="replace"), digest_size=8).hexdigest()


def installation_here() -> str:
    """That of the database which this process's environment names."""
    url, file = os.environ.get("JURAT_DATABASE_URL"), os.environ.get("JURAT_DATABASE_URL_FILE")
    if not url and file:
        try:
            url = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            url = None
    return installation(url or _DEFAULT)


def _with_port(host: str, port: str) -> str:
    name, colon, own = host.rpartition(":")
    return f"{name}:{own}" if colon and own.isdigit() else f"{host}:{port}"
