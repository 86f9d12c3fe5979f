"""Unpacks an upload: a gzip file, or the one file of a zip, which may be a Shapefile instead (`packages`)."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from adapters.zone_import.formats import CHUNK, FILES, copy, kind_of
from adapters.zone_import.layers import FileProblem
from adapters.zone_import.packages import lone_entry


def unpacked(folder: Path) -> tuple[str, Path]:
    """The kind and the path of the one file in the folder, once it is unpacked. A Shapefile stays a zip.

    Raises FileProblem where it is damaged, holds another packed file, or is too large.
    """
    kind = next(kind for kind, name in FILES.items() if (folder / name).exists())
    path = folder / FILES[kind]
    try:
        if kind == "gzip":
            with gzip.open(path) as packed:
                return _content(packed.read, folder)
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                if entry := lone_entry(archive.infolist()):
                    with archive.open(entry) as packed:
                        return _content(packed.read, folder)
    except FileProblem:
        raise
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
        raise FileProblem("cannot be unpacked: it is damaged; pack it again") from None
    return kind, path


def _content(read: Callable[[int], bytes], folder: Path) -> tuple[str, Path]:
    first = read(CHUNK)
    kind = kind_of(first)
    if kind in ("gzip", "zip"):
        raise FileProblem("holds another packed file: unpack that first")
    path = folder / FILES[kind]
    copy(first, read, path)
    return kind, path
