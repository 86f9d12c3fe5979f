"""References to secrets. The configuration says where a key is, and never contains the key.

A source gets only what the operator put in a variable whose name begins with JURAT_SOURCE_, or in a file of the folder
JURAT_SOURCE_SECRETS. It never gets a key or password of jurat itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, StringConstraints, model_validator

from config.own_values import KEYS, URLS, own_value_in
from config.problems import Fault, Part, printable, value_error
from config.regular_files import read_regular

FOLDER: Final = "JURAT_SOURCE_SECRETS"
PREFIX: Final = "JURAT_SOURCE_"

_LARGEST_FILE = 64 << 10
OTHERS_RIGHTS: Final = 0o027
"""What a file of a private key gives to no one; its group may read it, as in a mount of Kubernetes."""
_OTHERS: Final = (
    *("JURAT_PRIVATE_NETWORKS", "JURAT_REMOTE_CONTROL", "JURAT_LISTEN", "JURAT_ERASURE_JOURNAL", "JURAT_LOG", FOLDER),
)
_SETTINGS: Final = frozenset(
    {"PGPASSWORD", "PGPASSFILE"}.union(*({name, f"{name}_FILE"} for name in (*KEYS, *URLS, *_OTHERS)))
)
"""Jurat's own settings. Under another name it would be the same key, so no other name is suggested."""


class SecretError(Exception):
    """A reference leads to no secret. The message names the place without a value; `hint` is what to do."""

    def __init__(self, message: str, hint: str = "set it where the workers run") -> None:
        super().__init__(message)
        self.hint = hint


class ForbiddenSecretError(SecretError):
    """A reference leads to what no source may get: to another place, or to jurat's own keys."""


class SecretReference(Part):
    """Where a secret is: `{ env: JURAT_SOURCE_NAME }` or `{ file: NAME }`, exactly one of them.

    A file is in the folder JURAT_SOURCE_SECRETS. The reference has no value, so it may be shown and stored.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["env"]}, {"required": ["file"]}]})

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] | None = None
    file: Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]{1,1024}$")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_literals(cls, value: Any) -> Any:
        if isinstance(value, cls | Mapping):
            return value
        hint = "write { env: JURAT_SOURCE_NAME } or { file: NAME } and put it there"
        raise value_error(f"a secret does not belong in the configuration — {hint}")

    def faults(self) -> Iterator[Fault]:
        if (self.env is None) == (self.file is None):
            yield (), "write either { env: JURAT_SOURCE_NAME } or { file: NAME }"

    def __str__(self) -> str:
        return f"env {self.env}" if self.env is not None else f"file {self.file}"


def resolve(reference: SecretReference, environ: Mapping[str, str], base_dir: Path) -> str:
    """The secret that `reference` leads to, without a final line end.

    Raises:
        ForbiddenSecretError: it is outside of the places for secrets of sources, or a key or password of jurat itself.
        SecretError: the variable or the folder is not set, or the file is unreadable, empty or no UTF-8 text.
    """
    check_place(reference)
    if reference.env is not None:
        value, place = environ.get(reference.env), f"the environment variable {reference.env}"
        if value is None:
            raise SecretError(f"{place} is not set")
        if not value.strip():
            raise SecretError(f"{place} is empty")
    else:
        place = f"the file {reference.file}"
        value = read_secret_file(_inside(str(reference.file), environ, base_dir))
    if (own := own_value_in(value, environ, base_dir)) is not None:
        said = f"{place} contains {own} of jurat itself, which no source may get"
        raise ForbiddenSecretError(said, "put the source's own secret there")
    return value


def check_place(reference: SecretReference) -> None:
    """Raise ForbiddenSecretError if, by its name, `reference` is no place for secrets of sources."""
    if (name := reference.env) is not None:
        if name in _SETTINGS:
            hint = f"put the source's own secret into a variable {PREFIX}…, and name that"
            raise ForbiddenSecretError(f"{name} is a setting of jurat itself, which no source may get", hint)
        if not name.startswith(PREFIX) or name == PREFIX:
            suggested = f"{PREFIX}{name.removeprefix('JURAT_').removesuffix('_FILE').upper()}"
            hint = f"call it {suggested}, here and where the workers run"
            raise ForbiddenSecretError(f"a source may get only variables whose names begin with {PREFIX}", hint)
        return
    file = Path(str(reference.file))
    if file.is_absolute() or ".." in file.parts or file.parts[:1] == ("~",) or not file.name:
        said = f"a source may get only files in the folder {FOLDER}"
        inside = f"{{ file: {printable(file.name)} }}" if file.name not in ("", "..", "~") else "{ file: NAME }"
        raise ForbiddenSecretError(said, f"put it there where the workers run, and write only its name: {inside}")


def _inside(name: str, environ: Mapping[str, str], base_dir: Path) -> Path:
    """The file of that name in the operator's folder. Links may lead inside the folder, as mounts do, but not out."""
    written = environ.get(FOLDER)
    if not written and (mounted := environ.get(f"{FOLDER}_FILE")):
        written = read_secret_file(base_dir / mounted)
    if not written:
        hint = "set it to the folder with the secrets of sources where the workers run"
        raise SecretError(f"{FOLDER} is not set, so there is no folder for the file {name}", hint)
    folder = _resolve(base_dir / written, f"the folder {written} ({FOLDER})")
    file = _resolve(folder / name, f"the file {folder / name}")
    if folder not in file.parents or folder == folder.parent:
        said = f"the file {name} is a link that leads out of the folder {written} ({FOLDER})"
        raise ForbiddenSecretError(said, "put the file itself there")
    return file


def _resolve(path: Path, place: str) -> Path:
    try:
        return path.resolve(strict=True)
    except OSError as error:
        raise SecretError(f"{place} cannot be read: {error.strerror or 'unknown error'}") from None


def read_keys(path: Path) -> str:
    """The keys in a file, or in the files of a folder, as the setting has them. Hidden files are left out: mounts and
    writers have some.

    Raises SecretError as `read_secret_file`, for a folder without files, and for a file in it that others may read.
    """
    try:
        if not path.is_dir():
            return read_secret_file(path)
        files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
        public = [file for file in files if file.stat().st_mode & OTHERS_RIGHTS]
    except OSError as error:
        raise SecretError(f"the folder {path} cannot be read: {error.strerror or 'unknown error'}") from None
    if public:
        raise SecretError(f"the file {public[0]} can be read or changed by others; run `chmod 600 {public[0]}`")
    if not files:
        raise SecretError(f"the folder {path} has no keys")
    return ",".join(map(read_secret_file, files))


def read_secret_file(path: Path) -> str:
    """The text of a mounted secret without its last line end.

    Raises SecretError: it is unreadable, empty, larger than 64 KiB, or no UTF-8 text.
    """
    try:
        content = read_regular(path, _LARGEST_FILE + 1)
    except OSError as error:
        raise SecretError(f"the file {path} cannot be read: {error.strerror or 'unknown error'}") from None
    if len(content) > _LARGEST_FILE:
        raise SecretError(f"the file {path} is larger than 64 KiB, which no secret is")
    try:
        value = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"the file {path} is not UTF-8 text") from None
    if not value.strip():
        raise SecretError(f"the file {path} is empty")
    if "\x00" in value:
        raise SecretError(f"the file {path} contains a NUL character")
    return value
