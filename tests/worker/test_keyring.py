"""A worker takes the keys of its file or folder as they are now."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.secrets import SecretError
from config.settings import Settings, read_settings
from jurat.errors import ConfigurationError
from jurat.seal import generate, key_id, key_to_text
from worker.bootstrap import engine_on
from worker.keyring import mismatch, reread, seal_id, unseal_of
from worker.service import open_service

KEYS = [generate() for _ in range(3)]
IDS = [key_id(public) for _, public in KEYS]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that has the first key."""
    folder = tmp_path / "keys"
    folder.mkdir()
    put(folder, 0)
    monkeypatch.delenv("JURAT_UNSEAL_KEYS", raising=False)
    monkeypatch.setenv("JURAT_UNSEAL_KEYS_FILE", str(folder))
    monkeypatch.setenv("JURAT_DATABASE_URL", f"sqlite:///{tmp_path}/jurat.db")
    return folder


def put(folder: Path, number: int) -> None:
    file = folder / str(number)
    file.touch(0o600)
    file.write_text(key_to_text(KEYS[number][0]), "utf-8")


def test_the_keys_of_a_folder_come_and_go(folder: Path) -> None:
    settings = read_settings()
    unseal = unseal_of(settings)
    put(folder, 1)
    put(folder, 2)
    reread(unseal, settings)
    assert unseal.key_ids == IDS
    (folder / "0").unlink()
    reread(unseal, settings)
    assert unseal.key_ids == IDS[1:]


@pytest.mark.parametrize("spoilt", ["", "half a key", ","])
def test_a_folder_that_cannot_be_used_changes_nothing(folder: Path, spoilt: str) -> None:
    settings = read_settings()
    unseal = unseal_of(settings)
    (folder / "0").write_text(spoilt, "utf-8")
    with pytest.raises((SecretError, ConfigurationError)) as raised:
        reread(unseal, settings)
    assert str(folder) in str(raised.value)
    (folder / "0").unlink()
    with pytest.raises(SecretError, match="has no keys"):
        reread(unseal, settings)
    assert unseal.key_ids == IDS[:1]


def test_keys_of_the_environment_stay(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    given = Settings.model_validate({"unseal_keys": key_to_text(KEYS[1][0])})
    unseal = unseal_of(given)
    reread(unseal, given)
    assert unseal.key_ids == [IDS[1]], "also where the environment names others, as for an embedded engine"


def test_an_engine_claims_opens_and_reports_by_the_new_keys(folder: Path) -> None:
    service = open_service(read_settings())
    engine = engine_on(service, slots=1)
    (registrar,) = engine._registrars
    (runner,) = {thread._runner for thread in engine._lookup_threads}
    put(folder, 1)
    for known in (IDS[:2], IDS[1:2]):
        registrar._look_at_keys()
        assert registrar._member.unseal_keys == tuple(known)
        assert engine.claimer._claims.keys == frozenset(known)
        assert runner.unseal.key_ids == known
        (folder / "0").unlink(missing_ok=True)
    service.close()


def test_a_pinned_signing_key_is_no_wrong_key() -> None:
    settings = Settings.model_validate(
        {"unseal_keys": key_to_text(KEYS[0][0]), "seal_key": f"ed25519:{key_to_text(KEYS[1][1])}"}
    )
    assert seal_id(settings) is None
    assert mismatch(settings) is None
