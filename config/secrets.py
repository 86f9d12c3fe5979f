"""References to secrets. The configuration says where a key is, and never holds the key.

What may be sent to a source stands where the operator has put it for that: in a variable whose name begins with
JURAT_SOURCE_, or in a file of the folder that JURAT_SOURCE_SECRETS names. Nothing else is read, and what is read is not
sent where it holds a key or password of jurat itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from config.own_values import KEYS, URLS, own_value_in
from config.problems import printable, value_error
from config.regular_files import read_regular

FOLDER: Final = "JURAT_SOURCE_SECRETS"
PREFIX: Final = "JURAT_SOURCE_"

_LARGEST_FILE = 64 << 10
_OTHERS: Final = ("JURAT_PRIVATE_NETWORKS", "JURAT_REMOTE_CONTROL", "JURAT_LOG", FOLDER)
_SETTINGS: Final = frozenset(
    {"PGPASSWORD", "PGPASSFILE"}.union(*({name, f"{name}_FILE"} for name in (*KEYS, *URLS, *_OTHERS)))
)
"""What jurat itself is set with. Under another name it would be the same key, so that none is advised."""


class SecretError(Exception):
    """A reference leads to no secret. The message is one sentence and names the place, never a value; `hint` says what
    to do.
    """

    def __init__(self, message: str, hint: str = "set it where the workers run") -> None:
        super().__init__(message)
        self.hint = hint


class ForbiddenSecretError(SecretError):
    """A reference leads to what no source may be sent: to a place that is not for that, or to jurat's own keys."""


class SecretReference(BaseModel):
    """Where a secret stands: `{ env: JURAT_SOURCE_NAME }` or `{ file: NAME }`, exactly one of them.

    A file is named as it stands in the folder JURAT_SOURCE_SECRETS. Holds no value, so it may be shown and stored.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"oneOf": [{"required": ["env"]}, {"required": ["file"]}]},
    )

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] | None = None
    file: Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]{1,1024}$")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_literals(cls, value: Any) -> Any:
        if isinstance(value, cls | Mapping):
            return value
        raise value_error(
            "a secret does not belong in the configuration — write { env: JURAT_SOURCE_NAME } or { file: NAME } and put "
            "it there"
        )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise value_error("write either { env: JURAT_SOURCE_NAME } or { file: NAME }")
        return self

    def __str__(self) -> str:
        return f"env {self.env}" if self.env is not None else f"file {self.file}"


def resolve(reference: SecretReference, environ: Mapping[str, str], base_dir: Path) -> str:
    """The secret that `reference` leads to, without the line end that editors put after it.

    Raises:
        ForbiddenSecretError: it leads elsewhere than to the places for secrets of sources, or to a key or password of
            jurat itself.
        SecretError: the variable or the folder is not set, the file cannot be read, or the secret is empty or no
            UTF-8 text.
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
        raise ForbiddenSecretError(
            f"{place} holds {own} of jurat itself, which no source may be sent", "put the source's own secret there"
        )
    return value


def check_place(reference: SecretReference) -> None:
    """Whether `reference` names a place for secrets of sources, as far as its words tell.

    Raises:
        ForbiddenSecretError: it does not.
    """
    if (name := reference.env) is not None:
        if name in _SETTINGS:
            raise ForbiddenSecretError(
                f"{name} is a setting of jurat itself, which no source may be sent",
                f"put the source's own secret into a variable {PREFIX}…, and name that",
            )
        if not name.startswith(PREFIX) or name == PREFIX:
            suggested = f"{PREFIX}{name.removeprefix('JURAT_').removesuffix('_FILE').upper()}"
            raise ForbiddenSecretError(
                f"a source is sent no variable but those whose names begin with {PREFIX}",
                f"call it {suggested}, here and where the workers run",
            )
        return
    file = Path(str(reference.file))
    if file.is_absolute() or ".." in file.parts or file.parts[:1] == ("~",) or not file.name:
        said = f"a source is sent no file but those in the folder that {FOLDER} names"
        inside = f"{{ file: {printable(file.name)} }}" if file.name not in ("", "..", "~") else "{ file: NAME }"
        raise ForbiddenSecretError(said, f"put it there where the workers run, and write its name alone: {inside}")


def _inside(name: str, environ: Mapping[str, str], base_dir: Path) -> Path:
    """The file of that name in the operator's folder, which links may not lead out of. Mounts link within it."""
    written = environ.get(FOLDER)
    if not written and (mounted := environ.get(f"{FOLDER}_FILE")):
        written = read_secret_file(base_dir / mounted)
    if not written:
        raise SecretError(
            f"{FOLDER} is not set, so there is no folder for the file {name}",
            "set it to the folder with the secrets of sources where the workers run",
        )
    try:
        folder = (base_dir / written).resolve(strict=True)
    except OSError as error:
        raise SecretError(f"the folder {written} ({FOLDER}) cannot be read: {_why(error)}") from None
    try:
        file = (folder / name).resolve(strict=True)
    except OSError as error:
        raise SecretError(f"the file {folder / name} cannot be read: {_why(error)}") from None
    if folder not in file.parents or folder == folder.parent:
        raise ForbiddenSecretError(
            f"the file {name} is a link that leads out of the folder {written} ({FOLDER})", "put the file itself there"
        )
    return file


def read_secret_file(path: Path) -> str:
    """The text of a mounted secret without its last line end.

    Raises:
        SecretError: it is no file, cannot be read, is empty, larger than 64 KiB, or no UTF-8 text.
    """
    try:
        content = read_regular(path, _LARGEST_FILE + 1)
    except OSError as error:
        raise SecretError(f"the file {path} cannot be read: {_why(error)}") from None
    if len(content) > _LARGEST_FILE:
        raise SecretError(f"the file {path} is larger than 64 KiB, which no secret is")
    try:
        value = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"the file {path} is not UTF-8 text") from None
    if not value.strip():
        raise SecretError(f"the file {path} is empty")
    if "\x00" in value:
        raise SecretError(f"the file {path} holds a NUL character")
    return value


def _why(error: OSError) -> str:
    return error.strerror or "unknown error"
