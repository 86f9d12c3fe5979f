from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from config.settings import LogFormat, SettingsError, printable_settings, provenance, read_settings, unknown_variables

KEY = base64.b64encode(b"k" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 32).decode()

NO_DATABASE_URL = "is no URL of a database; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
ESCAPES = "; in a password write @ as %40, / as %2F, : as %3A and % as %25"
NO_BROKER_URL = "is no URL of a broker; write redis://HOST:6379/0, another broker's URL, or none"
NO_KEY = "has an entry that is no key of 32 bytes in base64; see bin/jurat keys generate"

NO_NETWORK = "has no network in entry 2; write each by its first address, like 10.20.0.0/16, 192.168.4.7"
NOT_PRIVATE = "has no private network in entry 1; public ones need no entry, others are not allowed"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("JURAT_"):
            monkeypatch.delenv(name)


def problems() -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read_settings()
    return caught.value.problems


def test_without_any_setting_there_is_a_local_database_and_no_broker() -> None:
    settings = read_settings()
    assert settings.database_url == "sqlite+pysqlite:///jurat.db"
    assert settings.broker_url is None
    assert settings.unseal_keys == ()
    assert settings.seal_key is None
    assert settings.hash_keys == ()
    assert settings.private_networks == ()
    assert settings.remote_control is False
    assert settings.listen is None
    assert settings.log is LogFormat.TEXT
    assert set(provenance().values()) == {"default"}


def test_settings_come_from_variables_and_from_mounted_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{KEY}\n{OTHER_KEY}\n", encoding="utf-8")
    monkeypatch.setenv("JURAT_DATABASE_URL", "postgresql://jurat:s3same@db.example/jurat")
    monkeypatch.setenv("JURAT_BROKER_URL", "none")
    monkeypatch.setenv("JURAT_UNSEAL_KEYS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("JURAT_HASH_KEYS", f"{KEY},{OTHER_KEY}")
    monkeypatch.setenv("JURAT_SEAL_KEY", KEY)
    monkeypatch.setenv("JURAT_PRIVATE_NETWORKS", "10.20.0.0/16, 192.168.4.7 fd12::/64")
    monkeypatch.setenv("JURAT_REMOTE_CONTROL", "true")
    monkeypatch.setenv("JURAT_SOURCE_SECRETS", str(tmp_path))
    monkeypatch.setenv("JURAT_LISTEN", ":9464")
    monkeypatch.setenv("JURAT_LOG", "json")
    (tmp_path / "oidc").write_text("of the console\n", encoding="utf-8")
    monkeypatch.setenv("JURAT_OIDC_SECRET_FILE", str(tmp_path / "oidc"))
    settings = read_settings()
    assert settings.oidc_secret is not None
    assert settings.oidc_secret.get_secret_value() == "of the console"
    assert settings.source_secrets == tmp_path
    assert settings.database_url == "postgresql+psycopg://jurat:s3same@db.example/jurat"
    assert settings.broker_url == "none"
    assert [key.get_secret_value() for key in settings.unseal_keys] == [KEY, OTHER_KEY]
    assert [key.get_secret_value() for key in settings.hash_keys] == [KEY, OTHER_KEY]
    assert settings.seal_key == KEY
    assert [str(network) for network in settings.private_networks] == ["10.20.0.0/16", "192.168.4.7/32", "fd12::/64"]
    assert settings.remote_control is True
    assert settings.listen == ":9464"
    assert settings.log is LogFormat.JSON
    assert dict(provenance()) == {
        "JURAT_DATABASE_URL": "environment",
        "JURAT_BROKER_URL": "environment",
        "JURAT_UNSEAL_KEYS": f"file {tmp_path / 'keys'}",
        "JURAT_SEAL_KEY": "environment",
        "JURAT_HASH_KEYS": "environment",
        "JURAT_PRIVATE_NETWORKS": "environment",
        "JURAT_REMOTE_CONTROL": "environment",
        "JURAT_SOURCE_SECRETS": "environment",
        "JURAT_LISTEN": "environment",
        "JURAT_ERASURE_JOURNAL": "default",
        "JURAT_LOG": "environment",
        "JURAT_OIDC_SECRET": f"file {tmp_path / 'oidc'}",
    }


@pytest.mark.parametrize("address", ["127.0.0.1:9464", ":0", "[::1]:9464", "worker.example:65535"])
def test_an_address_to_listen_on_has_a_port(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("JURAT_LISTEN", f" {address}\n")
    assert read_settings().listen == address


@pytest.mark.parametrize(
    "address", ["9464", "127.0.0.1", "::1:9464", "h:65536", "h:-1", "h:x", "http://h:1", "a b:1", "[]:1"]
)
def test_another_text_is_no_address_to_listen_on(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("JURAT_LISTEN", address)
    (problem,) = problems()
    assert problem.startswith("JURAT_LISTEN is no address to listen on; write HOST:PORT")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JURAT_BROKER_URL", "")
    monkeypatch.setenv("JURAT_LOG_FILE", "")
    assert read_settings().broker_url is None
    assert provenance()["JURAT_BROKER_URL"] == "default"


def test_printed_settings_hold_no_password_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JURAT_DATABASE_URL", "postgresql://jurat:s3same@db.example/jurat?sslpassword=s3same&x=1")
    monkeypatch.setenv("JURAT_BROKER_URL", "redis://:s3%2Fs@me@broker.example:6379/0")
    monkeypatch.setenv("JURAT_UNSEAL_KEYS", KEY)
    monkeypatch.setenv("JURAT_HASH_KEYS", f"{KEY} {OTHER_KEY}")
    monkeypatch.setenv("JURAT_PRIVATE_NETWORKS", "10.20.0.0/16,192.168.4.7")
    monkeypatch.setenv("JURAT_OIDC_SECRET", "s3same")
    settings = read_settings()
    for printed in (repr(settings), str(settings), str(printable_settings(settings))):
        assert "s3" not in printed
        assert KEY not in printed
    assert dict(printable_settings(settings)) == {
        "JURAT_DATABASE_URL": "postgresql+psycopg://jurat:***@db.example/jurat?sslpassword=***&x=1",
        "JURAT_BROKER_URL": "redis://:***@broker.example:6379/0",
        "JURAT_UNSEAL_KEYS": "1 key",
        "JURAT_SEAL_KEY": "not set",
        "JURAT_HASH_KEYS": "2 keys",
        "JURAT_PRIVATE_NETWORKS": "10.20.0.0/16, 192.168.4.7/32",
        "JURAT_REMOTE_CONTROL": "false",
        "JURAT_SOURCE_SECRETS": "not set",
        "JURAT_LISTEN": "not set",
        "JURAT_ERASURE_JOURNAL": "not set",
        "JURAT_LOG": "text",
        "JURAT_OIDC_SECRET": "set",
    }


def test_a_database_url_may_name_several_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://jurat:s3same@h1:5432,h2:5433/jurat?target_session_attrs=read-write"
    monkeypatch.setenv("JURAT_DATABASE_URL", url)
    settings = read_settings()
    assert read_settings().database_url == settings.database_url
    assert printable_settings(settings)["JURAT_DATABASE_URL"] == (
        "postgresql+psycopg://jurat:***@/jurat?host=h1,h2&port=5432,5433&target_session_attrs=read-write"
    )


@pytest.mark.parametrize("url", ["redis+socket:///run/valkey.sock", "sentinel://h1:26379;sentinel://h2:26379"])
def test_brokers_of_several_kinds_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("JURAT_BROKER_URL", url)
    assert read_settings().broker_url == url


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "s3same", NO_DATABASE_URL),
        ("DATABASE_URL", "mysql://a:s3same@b/c", NO_DATABASE_URL),
        ("DATABASE_URL", "sqlite://", "names a database in memory, which only one connection sees; write sqlite:///FILE"),
        ("DATABASE_URL", "sqlite:///:memory:", "names a database in memory, which only one connection sees; write sqlite:///FILE"),
        ("DATABASE_URL", "postgresql://a:s3same@b", "names no database; write postgresql://USER:PASSWORD@HOST/NAME"),
        ("DATABASE_URL", "postgresql://a:s3@same@b/c", NO_DATABASE_URL + ESCAPES),
        ("DATABASE_URL", "postgresql://a:s3/s@me@b/c", NO_DATABASE_URL + ESCAPES),
        ("DATABASE_URL", "postgresql://a/s3:same@b/c", NO_DATABASE_URL + ESCAPES),
        ("DATABASE_URL", "postgresql://a:s3same@b:x/c", NO_DATABASE_URL + ESCAPES),
        ("DATABASE_URL", "postgresql://a:s3same@b:1,c:x/d", NO_DATABASE_URL + ESCAPES),
        ("DATABASE_URL", "postgresql://a:s3same@b,c", "names no database; write postgresql://USER:PASSWORD@HOST/NAME"),
        ("BROKER_URL", "s3same", NO_BROKER_URL),
        ("BROKER_URL", "redis://:s3/same@b:6379/0", "names no host and port that can be read" + ESCAPES),
        ("BROKER_URL", "redis://:33/s3same@b:6379/0", "names no host and port that can be read" + ESCAPES),
        ("BROKER_URL", "amqp://a:b@c:5672;amqp://a:s3/same@b", "names no host and port that can be read" + ESCAPES),
        ("BROKER_URL", "http://a:s3same@b", NO_BROKER_URL),
        ("UNSEAL_KEYS", f"{KEY},s3same", NO_KEY),
        ("SEAL_KEY", "s3same", NO_KEY),
        ("HASH_KEYS", "s3same", NO_KEY),
        ("PRIVATE_NETWORKS", "10.20.0.0/16, s3same", NO_NETWORK),
        ("PRIVATE_NETWORKS", "10.20.0.0/33", NO_NETWORK.replace("2;", "1;")),
        ("PRIVATE_NETWORKS", "10.20.0.1/16", NO_NETWORK.replace("2;", "1;")),
        ("PRIVATE_NETWORKS", "8.8.8.8", NOT_PRIVATE),
        ("PRIVATE_NETWORKS", "0.0.0.0/0", NOT_PRIVATE),
        ("PRIVATE_NETWORKS", "::/0", NOT_PRIVATE),
        ("PRIVATE_NETWORKS", "10.0.0.0/7", NOT_PRIVATE),
        ("PRIVATE_NETWORKS", "169.254.0.0/16", NOT_PRIVATE),
        ("PRIVATE_NETWORKS", "100.100.100.200", NOT_PRIVATE),
        ("PRIVATE_NETWORKS", "::ffff:10.0.0.1", NOT_PRIVATE),
        ("REMOTE_CONTROL", "s3same", "is neither true nor false"),
        ("LOG", "s3same", "is neither json nor text"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"JURAT_{name}", value)
    assert problems() == (f"JURAT_{name} {said}",)


def test_a_setting_and_its_file_cannot_both_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JURAT_LOG", "json")
    monkeypatch.setenv("JURAT_LOG_FILE", str(tmp_path / "log"))
    monkeypatch.setenv("JURAT_HASH_KEYS_FILE", str(tmp_path / "absent"))
    assert problems() == (
        f"JURAT_HASH_KEYS_FILE: the file {tmp_path / 'absent'} cannot be read: No such file or directory",
        "JURAT_LOG and JURAT_LOG_FILE are both set; keep only one of them",
    )


def test_a_mistyped_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JURAT_DATABSE_URL", "sqlite:///x.db")
    monkeypatch.setenv("JURAT_REGISTER_KEY", "s3same")
    monkeypatch.setenv("JURAT_HASH_KEY_FILE", "x")
    assert unknown_variables(known=["JURAT_REGISTER_KEY"]) == [
        "JURAT_DATABSE_URL is no setting of jurat; did you mean 'JURAT_DATABASE_URL'?",
        "JURAT_HASH_KEY_FILE is no setting of jurat; did you mean 'JURAT_HASH_KEYS_FILE'?",
    ]


def test_keys_that_open_answers_may_be_in_the_files_of_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    (folder / ".mount").mkdir(parents=True)
    for name, text, mode in (("b", KEY, 0o600), ("a", f"{OTHER_KEY}\n", 0o440), (".b.new", "half", 0o600)):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(mode)
    monkeypatch.setenv("JURAT_UNSEAL_KEYS_FILE", str(folder))
    settings = read_settings()
    assert [key.get_secret_value() for key in settings.unseal_keys] == [OTHER_KEY, KEY]
    assert settings.key_file == folder


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [
        (0o604, KEY, "the file {}/a can be read or changed by others; run `chmod 600 {}/a`"),
        (0o620, KEY, "the file {}/a can be read or changed by others; run `chmod 600 {}/a`"),
        (0o600, "", "the file {}/a is empty"),
        (None, "", "the folder {} has no keys"),
    ],
)
def test_a_folder_of_keys_that_cannot_be_used_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int | None, text: str, said: str
) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    if mode is not None:
        (folder / "a").write_text(text, encoding="utf-8")
        (folder / "a").chmod(mode)
    monkeypatch.setenv("JURAT_UNSEAL_KEYS_FILE", str(folder))
    assert problems() == (f"JURAT_UNSEAL_KEYS_FILE: {said.replace('{}', str(folder))}",)


def test_the_setting_of_a_platform_may_pin_a_signing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JURAT_SEAL_KEY", f"ed25519:{KEY}")
    assert read_settings().seal_key == f"ed25519:{KEY}"
    for wrong in ("ed25519:", f"ed448:{KEY}", f"ed25519:{KEY}{KEY}"):
        monkeypatch.setenv("JURAT_SEAL_KEY", wrong)
        assert problems() == (f"JURAT_SEAL_KEY {NO_KEY}",)
