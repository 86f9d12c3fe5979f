from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from adapters.base import Blocked, Query, Refused, Source, Unavailable, Unreadable
from adapters.catalogue import CATALOGUE, SourceContext, SourceUnusable, build
from adapters.fingerprints import Fingerprints
from config.networks import LOOPBACK, networks_of
from config.secrets import SecretError, SecretReference
from config.sources import SourceModel
from tests.adapters.address.servers import Answering
from tests.adapters.registry import described
from tests.adapters.registry.guarded import KEYS, Guarded, document

MODELS: TypeAdapter[SourceModel] = TypeAdapter(SourceModel)
ROOT = Path(__file__).resolve().parents[2]
TOWN = ROOT / "examples" / "town" / "addresses.csv"
DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "addok": {"type": "addok", "url": "https://geocoder.example"},
    "nominatim": {"type": "nominatim", "country": "FR", "email": "geo@valmont.example"},
    "photon": {"type": "photon"},
    "pelias": {"type": "pelias", "url": "https://geocoder.example", "api_key": {"env": "PELIAS_KEY"}},
    "us-census": {"type": "us-census"},
    "address-file": {"type": "address-file", "path": str(TOWN)},
    "codes": {"type": "codes", "list": "spring"},
    "registry": described.description(),
    "manual": {"type": "manual"},
    "simulated": {"type": "simulated"},
}


def context(**given: Any) -> SourceContext:
    facts: dict[str, Any] = {
        "codes": None,
        "fingerprints": Fingerprints([bytes(32)]),
        "secret": lambda reference: "hidden",
        **given,
    }
    return SourceContext(**facts)


def make(description: dict[str, Any], **given: Any) -> Source:
    return build("mine", MODELS.validate_python(description), context(**given))


def test_every_type_that_may_be_configured_is_in_the_catalogue() -> None:
    union = get_args(SourceModel)[0]
    types = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(union)}
    assert types == set(CATALOGUE)


@pytest.mark.parametrize("description", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_source_is_made_from_its_configuration(description: dict[str, Any]) -> None:
    source = make(description)
    assert isinstance(source, Source)
    source.close()


def test_codes_without_a_key_are_unusable_and_say_which_setting_is_missing() -> None:
    with pytest.raises(SourceUnusable, match="JURAT_HASH_KEYS"):
        make(DESCRIPTIONS["codes"], fingerprints=None)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    description = {"type": "address-file", "path": str(tmp_path / "nowhere.csv")}
    answer = {"number": "4", "street": "rue des Tanneurs", "postcode": "99001"}
    with pytest.raises((SourceUnusable, Unreadable), match=r"nowhere\.csv"):
        make(description).look_up(Query(answer))


def test_plain_http_to_this_machine_needs_a_test_environment_and_the_operator() -> None:
    description = {"type": "addok", "url": "http://127.0.0.1:9"}
    answer = {"street": "rue des Tanneurs", "postcode": "99001"}
    with pytest.raises(Blocked, match="only https is allowed"):
        make(description, private_networks=LOOPBACK).look_up(Query(answer))
    with pytest.raises(Blocked, match="is this machine; list it in JURAT_PRIVATE_NETWORKS"):
        make(description, loopback_http=True).look_up(Query(answer))
    with pytest.raises(Unavailable):
        make(description, loopback_http=True, private_networks=LOOPBACK).look_up(Query(answer))


@pytest.mark.parametrize("kind", ["addok", "nominatim", "photon", "pelias", "us-census", "registry"])
def test_a_source_is_where_the_operator_lets_it_be(kind: str) -> None:
    url = "https://127.0.0.1:1"
    description = described.at(url) if kind == "registry" else {**DESCRIPTIONS[kind], "url": url}
    query = (
        described.IRIS if kind == "registry" else Query({"number": "4", "street": "Main Street", "postcode": "99001"})
    )
    with pytest.raises(Blocked, match="JURAT_PRIVATE_NETWORKS"):
        make(description).look_up(query)
    with pytest.raises(Refused):
        make(description, private_networks=networks_of("127.0.0.1")).look_up(query)


def test_a_secret_that_is_missing_makes_the_source_unusable_and_is_named() -> None:
    def secret(reference: SecretReference) -> str:
        raise SecretError("REGISTER_KEY is not set")

    description = described.description(secrets={"key": {"env": "REGISTER_KEY"}})
    description["steps"][0]["request"]["auth"] = {"type": "bearer", "token": "{secrets.key}"}
    with pytest.raises(SourceUnusable, match="source mine cannot be used: REGISTER_KEY is not set"):
        make(description, secret=secret)


def test_a_registry_pays_for_a_token_by_what_is_needed() -> None:
    longest: list[float] = []

    def pay(most: float) -> float:
        longest.append(most)
        return 0.0

    with Guarded() as server:
        options = {"secret": lambda reference: KEYS[reference.env], "loopback_http": True, "private_networks": LOOPBACK}
        source = make(document(server.port)["sources"]["pharmacists"], needed=pay, **options)
        for _ in range(3):
            source.look_up(described.IRIS)
        source.close()
    assert len(longest) == server.asked["token"] == 1


def test_an_address_base_in_the_database_needs_one() -> None:
    description = {"type": "address-file", "dataset": "valmont"}
    with pytest.raises(SourceUnusable, match="needs a database"):
        make(description)
    source = make(description, datasets=object())
    assert isinstance(source, Source)
    source.close()


@pytest.mark.parametrize(("given", "agent"), [({}, "jurat"), ({"email": "geo@v.example"}, "jurat (geo@v.example)")])
def test_nominatim_is_told_who_asks(given: dict[str, str], agent: str) -> None:
    with Answering() as geocoder:
        geocoder.bodies = [[]]
        source = make(
            {"type": "nominatim", "url": geocoder.url, **given}, loopback_http=True, private_networks=LOOPBACK
        )
        source.look_up(Query({"street": "rue des Tanneurs", "postcode": "99001"}))
        source.close()
        assert geocoder.headers_received[0]["User-Agent"] == agent


def test_a_geocoder_gets_its_key_its_language_and_its_country() -> None:
    with Answering() as geocoder:
        geocoder.bodies = [{"features": []}]
        description = {**DESCRIPTIONS["pelias"], "url": geocoder.url, "country": "FR", "language": "fr"}
        source = make(description, loopback_http=True, private_networks=LOOPBACK)
        source.look_up(Query({"street": "bd des Tanneurs", "postcode": "99001"}))
        source.close()
        query = geocoder.query
    assert (query["address"], query["country"], query["api_key"]) == ("boulevard des tanneurs", "FR", "hidden")


def test_what_is_not_configured_is_not_loaded() -> None:
    said = "import sys, adapters.catalogue; print(sorted(m for m in sys.modules if m.startswith('adapters.address')))"
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
