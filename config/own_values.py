"""Finds jurat's own keys and passwords in a text, in any encoding.

No source may get one, wherever it comes from: a copy, a link or a line in another file is the same key.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from config.regular_files import read_regular

KEYS: Final = ("JURAT_UNSEAL_KEYS", "JURAT_SEAL_KEY", "JURAT_HASH_KEYS", "JURAT_OIDC_SECRET")
URLS: Final = ("JURAT_DATABASE_URL", "JURAT_BROKER_URL")

_LARGEST_FILE: Final = 64 << 10
_DEEPEST: Final = 3
"""How many encodings may be nested, such as base64 of the hexadecimal of a text."""

_SHORT: Final = 8
"""Bytes below which a password must be a whole word: by chance it may be a part of any other."""

_TINY: Final = 4
"""Bytes below which it must be the whole text."""

_URL_PASSWORD = re.compile(r"//[^:/@]*:(.*)@", re.DOTALL)
_PASSWORD_NAME = re.compile(r"pass(?!file)|pwd|secret|token", re.IGNORECASE)
_KEY_FILE_NAME = re.compile(r"(?:ssl_?)?key_?(?:file)?", re.IGNORECASE)
_PASS_FILE_FIELD = re.compile(r"(?<!\\)(?:\\\\)*:")
_SERVICE_LINE = re.compile(r"^\s*(password|sslpassword|passfile)\s*=\s*(.*?)\s*$", re.MULTILINE)
_PEM_LINE = re.compile(r"^-----.*$|^[A-Za-z-]+:.*$", re.MULTILINE)

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{6,}")
_HEX_RUN = re.compile(rb"[0-9A-Fa-f]{8,}")
_ESCAPED = re.compile(rb"\\(.)")
_SPACE = re.compile(rb"\s+")
_HEX_MARKS = re.compile(rb"(?<=[0-9A-Fa-f]{2})[\s:-]+(?=[0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class OwnValue:
    """A key or a password of jurat itself. `name` describes it in messages."""

    name: str
    value: bytes = field(repr=False)

    def is_in(self, text: bytes) -> bool:
        """Whether `text` contains it unencoded."""
        if len(self.value) >= _SHORT:
            return self.value in text
        if len(self.value) < _TINY:
            return self.value == text
        return re.search(rb"(?<![0-9A-Za-z])" + re.escape(self.value) + rb"(?![0-9A-Za-z])", text) is not None


def own_value_in(text: str, environ: Mapping[str, str], base_dir: Path) -> str | None:
    """The name of the key or password of jurat that `text` contains; None if it contains none.

    It counts plain, in base64, in hexadecimal and URL-encoded, alone or as a part of the text. `environ` has the
    settings and their files, and what the PostgreSQL client reads by itself. Paths are relative to `base_dir`.
    """
    own = tuple(own_values(environ, base_dir))
    for view in _views(text.encode(), _DEEPEST):
        for each in own:
            if each.is_in(view):
                return each.name
    return None


def own_values(environ: Mapping[str, str], base_dir: Path) -> Iterator[OwnValue]:
    """All keys and passwords of jurat that `environ` refers to. What cannot be read is left out."""
    for setting in KEYS:
        for text in _texts(setting, environ, base_dir):
            for key in filter(None, re.split(r"[\s,]+", text)):
                yield OwnValue(setting, key.encode())
                if raw := _decoded(key.encode()):
                    yield OwnValue(setting, raw)
    for setting in URLS:
        for url in _texts(setting, environ, base_dir):
            yield from _of_url(setting, url, base_dir)
    yield from _of_libpq(environ, base_dir)


def _texts(setting: str, environ: Mapping[str, str], base_dir: Path) -> Iterator[str]:
    if plain := environ.get(setting):
        yield plain
    if mounted := environ.get(f"{setting}_FILE"):
        place = base_dir / mounted
        for file in place.iterdir() if place.is_dir() else (place,):
            yield from _content(file)


def _of_url(setting: str, url: str, base_dir: Path) -> Iterator[OwnValue]:
    # A list of sentinels is one URL each; a password with a ; in it is found in the whole.
    for part in dict.fromkeys((url, *url.split(";"))):
        if found := _URL_PASSWORD.search(part.partition("?")[0]) or _URL_PASSWORD.search(part):
            yield from _password(f"the password of {setting}", found[1])
    for name, value in parse_qsl(url.partition("?")[2]):
        if name.lower() == "passfile":
            yield from _of_pass_file(base_dir / value)
        elif _KEY_FILE_NAME.fullmatch(name):
            yield from _of_key_file(base_dir / value)
        elif _PASSWORD_NAME.search(name):
            yield from _password(f"the password of {setting}", value)


def _of_libpq(environ: Mapping[str, str], base_dir: Path) -> Iterator[OwnValue]:
    """What the PostgreSQL client logs in with by itself (https://www.postgresql.org/docs/current/libpq-envars.html)."""
    for name in ("PGPASSWORD", "PGSSLPASSWORD"):
        yield from _password(name, environ.get(name, ""))
    home = Path(environ.get("HOME") or Path("~").expanduser())
    yield from _of_pass_file(base_dir / (environ.get("PGPASSFILE") or home / ".pgpass"))
    yield from _of_key_file(base_dir / (environ.get("PGSSLKEY") or home / ".postgresql" / "postgresql.key"))
    services = [environ.get("PGSERVICEFILE") or home / ".pg_service.conf"]
    services += [Path(folder) / "pg_service.conf" for folder in filter(None, [environ.get("PGSYSCONFDIR")])]
    for file in services:
        for text in _content(base_dir / file):
            for name, value in _SERVICE_LINE.findall(text):
                if name == "passfile":
                    yield from _of_pass_file(base_dir / value)
                else:
                    yield from _password(f"a password of {Path(file).name}", value)


def _of_pass_file(path: Path) -> Iterator[OwnValue]:
    """The passwords of lines such as host:port:database:user:password."""
    for text in _content(path):
        for line in text.splitlines():
            *_, password = [0, *(found.end() for found in _PASS_FILE_FIELD.finditer(line))][:5]
            if password and not line.startswith("#"):
                yield from _password(f"a password of {path.name}", re.sub(r"\\(.)", r"\1", line[password:]))


def _of_key_file(path: Path) -> Iterator[OwnValue]:
    """The body of a private key as PEM."""
    for text in _content(path):
        body = "".join(_PEM_LINE.sub("", text).split())
        if len(body) >= _SHORT:
            yield OwnValue(f"the key of {path.name}", body.encode())


def _password(name: str, written: str) -> Iterator[OwnValue]:
    for value in dict.fromkeys((written, unquote(written))):
        if value.strip():
            yield OwnValue(name, value.encode())


def _content(path: Path) -> Iterator[str]:
    """The text of a file, once, where it can be read."""
    try:
        yield read_regular(path, _LARGEST_FILE).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    except (OSError, ValueError):
        return


def _views(text: bytes, deepest: int) -> Iterator[bytes]:
    """`text` in every way in which it can be decoded."""
    seen: set[bytes] = set()
    level = [text]
    for depth in range(deepest + 1):
        below: list[bytes] = []
        for one in level:
            if one in seen:
                continue
            seen.add(one)
            yield one
            if depth < deepest:
                below += _read_otherwise(one)
        level = below


def _read_otherwise(text: bytes) -> Iterator[bytes]:
    if b"%" in text:
        yield unquote_to_bytes(text)
    yield _ESCAPED.sub(rb"\1", text)  # JSON may write / as \/
    yield _SPACE.sub(b"", text)  # it may be broken into lines
    for run in _HEX_RUN.findall(_HEX_MARKS.sub(b"", text)):
        for skipped in (0, 1):
            digits = run[skipped:]
            yield binascii.unhexlify(digits[: len(digits) // 2 * 2])
    for run in _BASE64_RUN.findall(text):
        # Something may directly precede it: then it begins at another of four characters.
        for skipped in range(4):
            if raw := _decoded(run[skipped:]):
                yield raw


def _decoded(written: bytes) -> bytes:
    """The bytes of base64, of either alphabet, with or without padding; empty if it is none."""
    plain = written.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return b""
