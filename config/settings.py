"""Settings from the environment: database, broker, keys, logs.

Every setting `JURAT_X` can also be given as `JURAT_X_FILE`, the path of a file that holds it, for mounted secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)

from config.networks import IPNetwork, networks_of
from config.secrets import FOLDER, SecretError, read_keys, read_secret_file
from config.secrets import PREFIX as SOURCE_PREFIX
from config.suggestions import did_you_mean
from jurat.database import ESCAPES, parse_url
from jurat.dialects import BY_NAME
from jurat.errors import ConfigurationError
from jurat.ring import NO_BROKER, is_readable
from jurat.seal import key_from_text
from jurat.seal_keys import PREFIX as PINS

_ADDRESS = re.compile(r"(\[[^\[\]\s]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65_535

_BROKERS = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "memory", "filesystem")


class LogFormat(StrEnum):
    """The format of log lines: one JSON object each, or text for people."""

    JSON = "json"
    TEXT = "text"


class SettingsError(Exception):
    """Settings that cannot be used. `problems` has a sentence for each, without its value."""

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def _database_url(value: str) -> str:
    try:
        url = parse_url(value)
    except ConfigurationError:
        hint = f"; {ESCAPES}" if value.startswith("postgres") else ""
        raise ValueError(
            f"is no URL of a database; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME{hint}"
        ) from None
    if BY_NAME[url.get_backend_name()].in_a_file and (
        not url.database or ":memory:" in url.database or "mode" in url.query
    ):
        raise ValueError("names a database in memory, which only one connection sees; write sqlite:///FILE")
    if not url.database:
        raise ValueError("names no database; write postgresql://USER:PASSWORD@HOST/NAME")
    return url.render_as_string(hide_password=False)


def _broker_url(value: str) -> str:
    scheme = value.partition("://")[0]
    if value != NO_BROKER and ("://" not in value or scheme not in _BROKERS):
        raise ValueError("is no URL of a broker; write redis://HOST:6379/0, another broker's URL, or none")
    if not is_readable(value):
        raise ValueError(f"names no host and port that can be read; {ESCAPES}")
    return value


def _listen(value: str) -> str:
    if not (found := _ADDRESS.fullmatch(value.strip())) or int(found["port"]) > _LAST_PORT:
        raise ValueError("is no address to listen on; write HOST:PORT, [HOST]:PORT or :PORT for all addresses")
    return value.strip()


def _check_key(value: str) -> str:
    try:
        key_from_text(value, "")
    except ConfigurationError:
        raise ValueError("has an entry that is no key of 32 bytes in base64; see bin/jurat keys generate") from None
    return value


def _of_text(parse: Callable[[str], object]) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _yes_or_no(value: object) -> object:
    if isinstance(value, str) and (value := value.strip().lower()) not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return value


def _check_folder(value: Path) -> Path:
    if value.resolve() == value.resolve().parent:
        raise ValueError("names the root of the file system; write the folder that contains only secrets of sources")
    return value


def _check_journal(value: Path) -> Path:
    if value.is_dir() or not value.parent.is_dir():
        raise ValueError("is no file in a folder that exists")
    return value


def _check_seal_key(value: str) -> str:
    _check_key(value.removeprefix(PINS))
    return value


_Key = Annotated[SecretStr, BeforeValidator(_check_key)]
_Keys = Annotated[tuple[_Key, ...], _of_text(lambda text: text.replace(",", " ").split())]


class Settings(BaseModel):
    """The settings of one process. Printed, it shows no password and no key.

    `database_url` names its driver (`postgresql+psycopg`). `broker_url` is None if it is not set, `none` to do without
    a broker. `unseal_keys` are private keys that open answers, newest first; `seal_key` is the public one, or
    `ed25519:` and the key that signs it; `hash_keys` make the fingerprints of codes and numbers; the first only until
    one is in use. Keys are 32 bytes in base64, as `keys generate` prints them. Besides the public internet, sources and
    proxies may only be in `private_networks`. `source_secrets` is the folder with the secrets of sources. With
    `remote_control`, workers answer `celery inspect` over the broker. At `listen` (`HOST:PORT`, with port 0 any that is
    free) health and metrics are served; None means not at all. Erasures are remembered in the file `erasure_journal`.
    `oidc_secret` is what the console proves to an OpenID provider that it is itself with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    database_url: Annotated[str, BeforeValidator(_database_url)] = Field(default="sqlite:///jurat.db", repr=False)
    broker_url: Annotated[str, BeforeValidator(_broker_url)] | None = Field(default=None, repr=False)
    unseal_keys: _Keys = Field(default=(), repr=False)
    seal_key: Annotated[str, BeforeValidator(_check_seal_key)] | None = None
    hash_keys: _Keys = Field(default=(), repr=False)
    private_networks: Annotated[tuple[IPNetwork, ...], _of_text(networks_of)] = ()
    remote_control: Annotated[bool, BeforeValidator(_yes_or_no)] = False
    source_secrets: Annotated[Path, AfterValidator(_check_folder)] | None = None
    listen: Annotated[str, BeforeValidator(_listen)] | None = None
    erasure_journal: Annotated[Path, AfterValidator(_check_journal)] | None = None
    log: LogFormat = LogFormat.TEXT
    oidc_secret: SecretStr | None = Field(default=None, repr=False)
    _key_file: Path | None = PrivateAttr(default=None)

    @property
    def key_file(self) -> Path | None:
        """The file or folder that `unseal_keys` were read from; None if there was none."""
        return self._key_file

    def read_from(self, key_file: Path) -> Self:
        self._key_file = key_file
        return self


VARIABLES: Final = {field: f"JURAT_{field.upper()}" for field in Settings.model_fields}
"""The environment variable of each field."""

_KEYS_FIELD: Final = "unseal_keys"
"""The setting whose file may be a folder, and is read again while a worker runs."""


def read_settings() -> Settings:
    """The settings of this process. Raises SettingsError with every setting that cannot be used."""
    values: dict[str, str] = {}
    problems: dict[str, None] = {}
    for field, variable in VARIABLES.items():
        plain, mounted = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
        if plain and mounted:
            problems[f"{variable} and {variable}_FILE are both set; keep only one of them"] = None
        elif mounted:
            try:
                values[field] = (read_keys if field == _KEYS_FIELD else read_secret_file)(Path(mounted))
            except SecretError as error:
                problems[f"{variable}_FILE: {error}"] = None
        elif plain:  # compose files pass an empty variable for one that is not set
            values[field] = plain
    if problems:
        raise SettingsError(problems)
    try:
        settings = Settings.model_validate(values)
        mounted = os.environ.get(f"{VARIABLES[_KEYS_FIELD]}_FILE")
        return settings.read_from(Path(mounted)) if mounted else settings
    except ValidationError as error:
        for trouble in error.errors(include_url=False, include_input=False):
            reason = str(trouble.get("ctx", {}).get("error", "")) or f"cannot be used: {trouble['msg']}"
            if trouble["type"] == "enum":
                reason = f"is neither {LogFormat.JSON} nor {LogFormat.TEXT}"
            problems[f"{VARIABLES[str(trouble['loc'][0])]} {reason}"] = None
        raise SettingsError(problems) from None


def provenance() -> Mapping[str, str]:
    """Where the value of each variable comes from: "environment", "file PATH" or "default"."""
    found = {}
    for variable in VARIABLES.values():
        mounted = os.environ.get(f"{variable}_FILE")
        found[variable] = f"file {mounted}" if mounted else "environment" if os.environ.get(variable) else "default"
    return MappingProxyType(found)


def printable_settings(settings: Settings) -> Mapping[str, str]:
    """Each variable's value for printing: passwords hidden, keys counted."""

    def shown(value: object) -> str:
        match value:
            case None | ():
                return "not set"
            case SecretStr():
                return "set"
            case bool():
                return str(value).lower()
            case [SecretStr(), *_]:
                return f"{len(value)} key{'s' if len(value) > 1 else ''}"
            case tuple():
                return ", ".join(map(str, value))
            case str() if "://" in value:
                # Greedy, as an unescaped password may contain any of "/:@".
                hidden = re.sub(r"//([^:/@]*).*@", r"//\1:***@", value)
                return re.sub(r"(?i)(pass\w*=)[^&]*", r"\1***", hidden).replace("%2C", ",")  # between several hosts
        return str(value)

    return MappingProxyType({VARIABLES[name]: shown(value) for name, value in settings})


def unknown_variables(known: Collection[str] | None = None) -> list[str]:
    """A sentence for every `JURAT_…` variable that is neither a setting nor in `known` (the secrets of sources).

    Without `known`, any variable that a source may get is taken for a secret, unless the folder of secrets is meant.
    """
    names = [*VARIABLES.values(), *(f"{name}_FILE" for name in VARIABLES.values())]
    strangers = sorted(
        name for name in os.environ if name.startswith("JURAT_") and name not in {*names, *(known or ())}
    )
    hints = {name: did_you_mean(name, names) for name in strangers}
    return [
        f"{name} is no setting of jurat{f'; {hint}' if hint else ''}"
        for name, hint in hints.items()
        if known is not None
        or not name.startswith(SOURCE_PREFIX)
        or did_you_mean(name.removeprefix(SOURCE_PREFIX), [FOLDER.removeprefix(SOURCE_PREFIX)])
    ]


def as_environment(settings: Settings) -> Mapping[str, str]:
    """The variables of this process, with the values in `settings`."""
    own = {
        "JURAT_DATABASE_URL": settings.database_url,
        "JURAT_BROKER_URL": settings.broker_url or "",
        "JURAT_UNSEAL_KEYS": " ".join(key.get_secret_value() for key in settings.unseal_keys),
        "JURAT_SEAL_KEY": settings.seal_key or "",
        "JURAT_HASH_KEYS": " ".join(key.get_secret_value() for key in settings.hash_keys),
        FOLDER: str(settings.source_secrets or ""),
    }
    return MappingProxyType({**os.environ, **{name: value for name, value in own.items() if value}})
