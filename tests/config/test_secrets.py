from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.secrets import FOLDER, ForbiddenSecretError, SecretError, SecretReference, check_place, resolve
from config.settings import VARIABLES

LITERAL = (
    "a secret does not belong in the configuration — "
    "write { env: JURAT_SOURCE_NAME } or { file: NAME } and put it there"
)
EITHER = "write either { env: JURAT_SOURCE_NAME } or { file: NAME }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the operator names."""
    made = tmp_path / "of-sources"
    made.mkdir()
    return made


def of_file(name: str, folder: Path, **environ: str) -> str:
    return resolve(SecretReference(file=name), {FOLDER: str(folder), "HOME": str(folder), **environ}, folder.parent)


def of_variable(name: str, value: str, **environ: str) -> str:
    environ = {"HOME": "/nowhere", name: value, **environ}
    return resolve(SecretReference(env=name), environ, Path("/nowhere"))


def test_a_secret_comes_from_the_environment() -> None:
    assert of_variable("JURAT_SOURCE_REGISTER_KEY", "s3same") == "s3same"


def test_a_secret_comes_from_a_file_without_its_line_end(folder: Path) -> None:
    (folder / "key").write_text("s3same\r\n", encoding="utf-8")
    (folder / "registers").mkdir()
    (folder / "registers" / "key").write_text("an other", encoding="utf-8")
    assert of_file("key", folder) == "s3same"
    assert of_file("registers/key", folder) == "an other"
    # A relative folder counts from where the worker runs; the setting may come from a file as every other.
    (folder.parent / "named").write_text(f"{folder}\n", encoding="utf-8")
    for environ in ({FOLDER: folder.name}, {f"{FOLDER}_FILE": "named"}):
        assert resolve(SecretReference(file="key"), environ, folder.parent) == "s3same"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("s3same", LITERAL),
        (1234, LITERAL),
        (["s3same"], LITERAL),
        ({}, EITHER),
        ({"env": "A", "file": "b"}, EITHER),
    ],
)
def test_anything_but_one_reference_is_refused_without_showing_it(value: object, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SecretReference.model_validate(value)
    assert caught.value.errors()[0]["msg"] == said
    assert "s3same" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a\x00b", "contains a NUL character"),
        (b"k" * (64 * 1024 + 1), "is larger than 64 KiB, which no secret is"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(folder: Path, content: bytes, said: str) -> None:
    (folder / "key").write_bytes(content)
    with pytest.raises(SecretError) as caught:
        of_file("key", folder)
    assert str(caught.value) == f"the file {folder / 'key'} {said}"


def test_a_file_that_is_none_is_named_and_not_waited_for(folder: Path) -> None:
    with pytest.raises(SecretError, match=r"key cannot be read: No such file or directory$"):
        of_file("key", folder)
    (folder / "below").mkdir()
    with pytest.raises(SecretError, match=r"cannot be read: Is a directory$"):
        of_file("below", folder)
    os.mkfifo(folder / "pipe")
    with pytest.raises(SecretError, match=r"cannot be read: it is a pipe, and no file$"):
        of_file("pipe", folder)


def test_a_variable_that_is_not_set_or_empty_is_named() -> None:
    reference = SecretReference(env="JURAT_SOURCE_KEY")
    with pytest.raises(SecretError, match=r"^the environment variable JURAT_SOURCE_KEY is not set$"):
        resolve(reference, {}, Path("/nowhere"))
    with pytest.raises(SecretError, match=r"^the environment variable JURAT_SOURCE_KEY is empty$"):
        resolve(reference, {"JURAT_SOURCE_KEY": " "}, Path("/nowhere"))


# -- only what the operator put there for sources


@pytest.mark.parametrize(
    ("name", "suggested"),
    [("PATH", "PATH"), ("JURAT_ROLL_KEY", "ROLL_KEY"), ("JURAT_ROLL_FILE", "ROLL"), ("roll", "ROLL")],
)
def test_no_other_variable_is_read(name: str, suggested: str) -> None:
    with pytest.raises(ForbiddenSecretError) as told:
        of_variable(name, "s3same")
    assert str(told.value) == "a source may get only variables whose names begin with JURAT_SOURCE_"
    assert told.value.hint == f"call it JURAT_SOURCE_{suggested}, here and where the workers run"


SETTINGS = [*VARIABLES.values()]


@pytest.mark.parametrize("name", [*SETTINGS, *(f"{setting}_FILE" for setting in SETTINGS), "PGPASSWORD", "PGPASSFILE"])
def test_no_setting_of_jurat_is_read_nor_advised_to_be_copied(name: str) -> None:
    with pytest.raises(ForbiddenSecretError) as told:
        of_variable(name, "s3same")
    assert str(told.value) == f"{name} is a setting of jurat itself, which no source may get"
    assert told.value.hint == "put the source's own secret into a variable JURAT_SOURCE_…, and name that"


@pytest.mark.parametrize("file", ["/etc/hostname", "/proc/self/environ", "../keys", "a/../../keys", "~/.pgpass", ".."])
def test_no_file_elsewhere_is_read(folder: Path, file: str) -> None:
    (folder.parent / "keys").write_text("s3same", encoding="utf-8")
    with pytest.raises(ForbiddenSecretError) as told:
        check_place(SecretReference(file=file))
    assert str(told.value) == "a source may get only files in the folder JURAT_SOURCE_SECRETS"
    with pytest.raises(ForbiddenSecretError):
        of_file(file, folder)


def test_without_a_folder_no_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3same", encoding="utf-8")
    with pytest.raises(SecretError) as told:
        resolve(SecretReference(file="key"), {}, tmp_path)
    assert str(told.value) == "JURAT_SOURCE_SECRETS is not set, so there is no folder for the file key"
    with pytest.raises(SecretError, match=r"^the folder gone \(JURAT_SOURCE_SECRETS\) cannot be read: No such"):
        resolve(SecretReference(file="key"), {FOLDER: "gone"}, tmp_path)
    with pytest.raises(ForbiddenSecretError):  # everything stands in the root
        resolve(SecretReference(file="etc/hostname"), {FOLDER: "/"}, tmp_path)


def test_links_may_lead_to_what_stands_in_the_folder_alone(folder: Path) -> None:
    """Orchestrators mount each secret as a link to a folder beside it."""
    (folder / "..2026_11_28").mkdir()
    (folder / "..2026_11_28" / "key").write_text("s3same", encoding="utf-8")
    (folder / "..data").symlink_to("..2026_11_28")
    (folder / "key").symlink_to("..data/key")
    assert of_file("key", folder) == "s3same"
    (folder.parent / "key").write_text("s3same", encoding="utf-8")
    (folder / "out").symlink_to(folder.parent / "key")
    (folder / "above").symlink_to("..")
    for file in ("out", "above/key"):
        with pytest.raises(ForbiddenSecretError, match="is a link that leads out of the folder"):
            of_file(file, folder)
    linked = folder.parent / "linked"
    linked.symlink_to(folder)
    assert of_file("key", linked) == "s3same"


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")
def test_a_way_through_the_process_itself_leads_out(folder: Path) -> None:
    (folder / "cwd").symlink_to("/proc/self/cwd")
    (folder / "environ").symlink_to("/proc/self/environ")
    for file in ("cwd/pyproject.toml", "environ"):
        with pytest.raises(ForbiddenSecretError, match="is a link that leads out of the folder"):
            of_file(file, folder)


# -- jurat's own keys and passwords, wherever they stand

RAW = bytes(range(100, 132))
KEY = base64.b64encode(RAW).decode()
OTHER = base64.b64encode(bytes(range(200, 232))).decode()
SPELLINGS = {
    "base64": KEY,
    "without padding": KEY.rstrip("="),
    "of the other alphabet": base64.urlsafe_b64encode(bytes(range(225, 256)) + b"\xfb").decode(),
    "hexadecimal": RAW.hex(),
    "in capitals": RAW.hex().upper(),
    "in pairs": RAW.hex(":"),
    "base64 of the text": base64.b64encode(KEY.encode()).decode(),
    "hexadecimal of the text": KEY.encode().hex(),
    "two keys": f"{OTHER} {KEY}",
    "on two lines": f"{KEY[:20]}\n{KEY[20:]}",
    "as a line of settings": f"JURAT_UNSEAL_KEYS={KEY}",
    "in JSON": json.dumps({"api": {"key": KEY}}),
    "in JSON that escapes": json.dumps({"key": KEY}).replace("/", "\\/"),
    "JSON in base64": base64.b64encode(json.dumps({"key": KEY}).encode()).decode(),
    "glued": f"sk_{KEY}live",
    "in a URL": f"k={KEY.replace('+', '%2B').replace('=', '%3D')}",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("setting", ["JURAT_UNSEAL_KEYS", "JURAT_HASH_KEYS", "JURAT_SEAL_KEY"])
def test_a_key_of_jurat_is_sent_to_no_source_however_it_is_spelled(folder: Path, setting: str, text: str) -> None:
    urlsafe = base64.b64encode(bytes(range(225, 256)) + b"\xfb").decode()
    own = f"{KEY},{OTHER} {urlsafe}"
    (folder / "roll").write_text(text, encoding="utf-8")
    (folder.parent / "mounted").write_text(f"{own}\n", encoding="utf-8")
    for environ in (
        {setting: own},
        {f"{setting}_FILE": "mounted"},
        {f"{setting}_FILE": str(folder.parent / "mounted")},
    ):
        with pytest.raises(ForbiddenSecretError) as told:
            of_file("roll", folder, **environ)
        assert str(told.value) == f"the file roll contains {setting} of jurat itself, which no source may get"
    with pytest.raises(ForbiddenSecretError, match=f"^the environment variable JURAT_SOURCE_ROLL contains {setting}"):
        of_variable("JURAT_SOURCE_ROLL", text, **{setting: own})


def test_the_kind_of_file_does_not_matter(folder: Path) -> None:
    """A copy, a hard link, and a link within the folder are the same key."""
    mounted = folder / "unseal_keys"
    mounted.write_text(KEY, encoding="utf-8")
    (folder / "copy.bak").write_text(f"{KEY}\n", encoding="utf-8")
    (folder / "hard").hardlink_to(mounted)
    (folder / "linked").symlink_to("unseal_keys")
    for environ in ({"JURAT_UNSEAL_KEYS": KEY}, {"JURAT_UNSEAL_KEYS_FILE": str(mounted)}):
        for file in ("unseal_keys", "copy.bak", "hard", "linked"):
            with pytest.raises(ForbiddenSecretError, match="contains JURAT_UNSEAL_KEYS of jurat itself"):
                of_file(file, folder, **environ)


PASSWORDS: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "of the database": (
        {"JURAT_DATABASE_URL": "postgresql://u:s3same-open@db/x"},
        "s3same-open",
        "the password of JURAT_DATABASE_URL",
    ),
    "percent-encoded": (
        {"JURAT_DATABASE_URL": "postgresql://u:s3%2Fs%40me@db/x"},
        "s3/s@me",
        "the password of JURAT_DATABASE_URL",
    ),
    "in its query": (
        {"JURAT_DATABASE_URL": "postgresql://db/x?user=u&password=s3same-open"},
        "s3same-open",
        "the password of JURAT_DATABASE_URL",
    ),
    "of the broker": (
        {"JURAT_BROKER_URL": "redis://:s3same-open@h:6379/0"},
        "s3same-open",
        "the password of JURAT_BROKER_URL",
    ),
    "of a sentinel": (
        {"JURAT_BROKER_URL": "sentinel://:other-one@a:1;sentinel://:s3same-open@b:1"},
        "s3same-open",
        "the password of JURAT_BROKER_URL",
    ),
    "PGPASSWORD": ({"PGPASSWORD": "s3same-open"}, "s3same-open", "PGPASSWORD"),
    "PGSSLPASSWORD": ({"PGSSLPASSWORD": "s3same-open"}, "s3same-open", "PGSSLPASSWORD"),
    "PGPASSFILE": ({"PGPASSFILE": "passes"}, "s3:same\\open", "a password of passes"),
    "passfile in the URL": (
        {"JURAT_DATABASE_URL": "postgresql://u@db/x?passfile=passes"},
        "s3:same\\open",
        "a password of passes",
    ),
    "PGSERVICEFILE": ({"PGSERVICEFILE": "services"}, "of-a-service", "a password of services"),
    "a file at home": ({}, "at-home-1", "a password of .pgpass"),
    "a key of TLS": ({"PGSSLKEY": "tls.key"}, "MIIBVQIBADANBgkqhkiG9w0BAQ", "the key of tls.key"),
}


@pytest.mark.parametrize(("environ", "password", "named"), PASSWORDS.values(), ids=PASSWORDS)
def test_a_password_of_jurat_is_sent_to_no_source(
    folder: Path, environ: Mapping[str, str], password: str, named: str
) -> None:
    (folder / ".pgpass").write_text("# mine\n*:*:*:u:at-home-1\n", encoding="utf-8")
    (folder.parent / "passes").write_text("h\\:1:5432:*:u:other\n*:*:*:u:s3\\:same\\\\open\n", encoding="utf-8")
    (folder.parent / "services").write_text("[jurat]\nhost=db\npassword = of-a-service\n", encoding="utf-8")
    pem = "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBg\nkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n"
    (folder.parent / "tls.key").write_text(pem, encoding="utf-8")
    for text in (
        password,
        f"token {password}",
        base64.b64encode(password.encode()).decode(),
        base64.urlsafe_b64encode(f"user:{password}".encode()).decode().rstrip("="),
        password.encode().hex(),
        json.dumps({"password": password}),
    ):
        (folder / "roll").write_text(text, encoding="utf-8")
        with pytest.raises(ForbiddenSecretError) as told:
            of_file("roll", folder, **environ)
        assert str(told.value) == f"the file roll contains {named} of jurat itself, which no source may get"
        assert password not in str(told.value) + told.value.hint


def test_a_key_of_a_folder_is_sent_to_no_source(folder: Path) -> None:
    keys = folder.parent / "keys"
    keys.mkdir()
    for number in (1, 2):
        (keys / str(number)).write_text(base64.b64encode(bytes([number] * 32)).decode(), encoding="utf-8")
    (folder / "roll").write_text(bytes([2] * 32).hex(), encoding="utf-8")
    with pytest.raises(ForbiddenSecretError, match="contains JURAT_UNSEAL_KEYS of jurat itself"):
        of_file("roll", folder, JURAT_UNSEAL_KEYS_FILE="keys")


def test_an_ordinary_key_is_sent(folder: Path) -> None:
    own = {
        "JURAT_UNSEAL_KEYS": KEY,
        "JURAT_DATABASE_URL": "postgresql://u:jurat@db/x",
        "JURAT_BROKER_URL": "redis://:a@h/0",
        "PGPASSWORD": "key",
    }
    for text in (
        "b3f1c2d4-9a7e-4f60-8d21-0c5e6f7a8b9c",
        "sk_live_51Habcdefghijklmnopqrstuvwx",
        base64.b64encode(bytes(range(32))).decode(),
        bytes(range(64)).hex(),
        "-----BEGIN KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQEFAASC\n-----END KEY-----",
        "majurat9",
        "monkey",
        "a b",
    ):
        (folder / "roll").write_text(text, encoding="utf-8")
        assert of_file("roll", folder, **own) == text
        assert of_variable("JURAT_SOURCE_ROLL", text, **own) == text
