"""References to secrets: the configuration says where a key stands, never the key itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

_LARGEST_FILE = 64 << 10

SETTINGS: Final = tuple(
    f"JURAT_{name}"
    for name in ("DATABASE_URL", "BROKER_URL", "UNSEAL_KEYS", "SEAL_KEY", "HASH_KEYS", "PRIVATE_NETWORKS", "LOG")
)
"""The variables of `config.settings`. None of them, nor the file that holds it, is a secret of a source."""


class SecretError(Exception):
    """A reference leads to no secret. The message is one sentence and names the place, never a value."""


class OwnSecretError(SecretError):
    """A reference leads to a key or password of jurat itself, which must never be sent to a source."""


class SecretReference(BaseModel):
    """Where a secret stands: `{ env: NAME }` or `{ file: PATH }`, exactly one of them.

    A relative path counts from the folder where the worker runs. Holds no value, so it may be shown and stored.
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
        raise PydanticCustomError(
            "literal_secret",
            "a secret does not stand in the configuration — write { env: NAME } or { file: PATH } and put it there",
        )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise PydanticCustomError("secret_reference", "write either { env: NAME } or { file: PATH }")
        return self

    def __str__(self) -> str:
        return f"env {self.env}" if self.env is not None else f"file {self.file}"


def resolve(reference: SecretReference, environ: Mapping[str, str], base_dir: Path) -> str:
    """The secret that `reference` leads to, without the line end that editors put after it.

    Raises:
        OwnSecretError: it leads to a setting of jurat itself.
        SecretError: the variable is not set, the file can not be read, or the secret is empty or no UTF-8 text.
    """
    refuse_own(reference, environ, base_dir)
    if reference.env is not None:
        value = environ.get(reference.env)
        if value is None:
            raise SecretError(f"the environment variable {reference.env} is not set")
        if not value.strip():
            raise SecretError(f"the environment variable {reference.env} is empty")
        return value
    return read_secret_file(base_dir / str(reference.file))


def refuse_own(reference: SecretReference, environ: Mapping[str, str], base_dir: Path) -> None:
    """Refuse what is jurat's own: its settings, and the files that `environ` names for them.

    Raises:
        OwnSecretError: it is.
    """
    if reference.env is not None and reference.env.removesuffix("_FILE") in SETTINGS:
        raise OwnSecretError(f"{reference.env} is a setting of jurat itself, which no source may be sent")
    for setting in SETTINGS:
        mounted = environ.get(f"{setting}_FILE")
        if reference.file is not None and mounted and _same(base_dir / reference.file, base_dir / mounted):
            raise OwnSecretError(
                f"the file {reference.file} holds {setting} of jurat itself, which no source may be sent"
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there, or can not be
        return one.absolute() == other.absolute()


def read_secret_file(path: Path) -> str:
    """The text of a mounted secret without its last line end.

    Raises:
        SecretError: the file can not be read, is empty, larger than 64 KiB, or no UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SecretError(f"the file {path} can not be read: {error.strerror or 'unknown error'}") from None
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
