from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.secrets import SETTINGS, OwnSecretError, SecretError, SecretReference, resolve
from config.settings import PREFIX, Settings


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    assert resolve(SecretReference(env="REGISTER_KEY"), {"REGISTER_KEY": "s3same"}, tmp_path) == "s3same"


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3same\r\n", encoding="utf-8")
    assert resolve(SecretReference(file="key"), {}, tmp_path) == "s3same"
    assert resolve(SecretReference(file=str(tmp_path / "key")), {}, Path("elsewhere")) == "s3same"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "s3same",
            "a secret does not stand in the configuration — write { env: NAME } or { file: PATH } and put it there",
        ),
        (1234, "a secret does not stand in the configuration — write { env: NAME } or { file: PATH } and put it there"),
        (
            ["s3same"],
            "a secret does not stand in the configuration — write { env: NAME } or { file: PATH } and put it there",
        ),
        ({}, "write either { env: NAME } or { file: PATH }"),
        ({"env": "A", "file": "b"}, "write either { env: NAME } or { file: PATH }"),
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
        (b"a\x00b", "holds a NUL character"),
        (b"k" * (64 * 1024 + 1), "is larger than 64 KiB, which no secret is"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SecretError) as caught:
        resolve(SecretReference(file="key"), {}, tmp_path)
    assert str(caught.value) == f"the file {tmp_path / 'key'} {said}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"key can not be read: No such file or directory$"):
        resolve(SecretReference(file="key"), {}, tmp_path)
    with pytest.raises(SecretError, match="can not be read: Is a directory"):
        resolve(SecretReference(file="."), {}, tmp_path)


def test_a_variable_that_is_not_set_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"^the environment variable REGISTER_KEY is not set$"):
        resolve(SecretReference(env="REGISTER_KEY"), {}, tmp_path)
    with pytest.raises(SecretError, match=r"^the environment variable REGISTER_KEY is empty$"):
        resolve(SecretReference(env="REGISTER_KEY"), {"REGISTER_KEY": " "}, tmp_path)


# -- jurat's own


def test_all_settings_are_known_as_jurats_own() -> None:
    assert set(SETTINGS) == {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", [*SETTINGS, *(f"{setting}_FILE" for setting in SETTINGS)])
def test_a_setting_of_jurat_is_no_secret_of_a_source(tmp_path: Path, name: str) -> None:
    with pytest.raises(OwnSecretError) as told:
        resolve(SecretReference(env=name), {name: "s3same"}, tmp_path)
    assert str(told.value) == f"{name} is a setting of jurat itself, which no source may be sent"
    assert resolve(SecretReference(env=f"{name}_OF_A_SOURCE"), {f"{name}_OF_A_SOURCE": "s3same"}, tmp_path) == "s3same"


def test_a_file_that_holds_a_setting_is_no_secret_of_a_source(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    mounted = tmp_path / "keys" / "unseal"
    mounted.write_text("s3same", encoding="utf-8")
    (tmp_path / "linked").symlink_to(mounted)
    (tmp_path / "hard").hardlink_to(mounted)
    (tmp_path / "another").write_text("s3same", encoding="utf-8")
    for named in (str(mounted), "keys/unseal"):
        environ = {"JURAT_UNSEAL_KEYS_FILE": named}
        for file in ("keys/unseal", str(mounted), "keys/../keys/unseal", "linked", "hard"):
            with pytest.raises(OwnSecretError) as told:
                resolve(SecretReference(file=file), environ, tmp_path)
            assert str(told.value) == (
                f"the file {file} holds JURAT_UNSEAL_KEYS of jurat itself, which no source may be sent"
            )
        assert resolve(SecretReference(file="another"), environ, tmp_path) == "s3same"
    with pytest.raises(OwnSecretError):
        resolve(SecretReference(file="gone"), {"JURAT_HASH_KEYS_FILE": str(tmp_path / "gone")}, tmp_path)
