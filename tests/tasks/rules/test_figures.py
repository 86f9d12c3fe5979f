"""Streets whose names have figures are decided, and answers with two numbers are not, whatever streets there are."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from adapters.address.base.file import AddressFile
from adapters.address.zones import ZoneGeometry
from adapters.base import Query
from jurat.vocabulary import CHOICE, OFFERED, Outcome, Reason
from tasks.rules.residence import Residence, decide_residence

STREETS = {
    "it": ["Via 28 Marzo 1921", "Via Strada Statale 10", "Via Roma"],
    "es": ["Carretera N-124", "Barrio Bodegas 2", "Calle Olmo (Polígono Sur)", "Calle Número 3", "Calle Mayor"],
    "fr": ["Voie Bt/20", "Allée 3", "Quartier 12", "Rue du 4 Septembre"],
    "de": ["Straße 12", "Straße des 17. Juni", "Lindenweg"],
    "en": ["20 Half Moon Crescent", "Mill Street"],
}
EXACT = [(language, street) for language, streets in STREETS.items() for street in streets]
INSIDE = ZoneGeometry("z", 1, shapely.to_wkb(shapely.box(1.9, 47.9, 2.05, 48.1)))


def decided(folder: Path, language: str, streets: list[str], **answer: str) -> Residence:
    """What is decided in Valmont, where every other street is outside the zone, and each has ten houses."""
    head = "id;numero;rep;nom_voie;code_postal;code_insee;nom_commune;x;y;lon;lat"
    rows = (
        f";{number};;{street};99001;99501;Valmont;;;{2 + 0.1 * (place % 2)};{48 + number / 10_000}"
        for place, street in enumerate(streets)
        for number in range(1, 11)
    )
    path = folder / "base.csv"
    path.write_text("\n".join((head, *rows)), encoding="utf-8")
    asked = {"postcode": "99001", "city": "Valmont", **answer}
    places = AddressFile(path, language).look_up(Query(asked))
    return decide_residence(asked, places, INSIDE, language=language)


@pytest.mark.parametrize(("language", "street"), EXACT)
def test_every_street_is_decided_on_its_side(tmp_path: Path, language: str, street: str) -> None:
    side = Outcome.REFUSED if STREETS[language].index(street) % 2 else Outcome.ACCEPTED
    for number in ("1", "3", "7"):
        assert decided(tmp_path, language, STREETS[language], number=number, street=street).outcome is side


DETAILS = {"it": "interno 4", "es": "3º B", "fr": "appt 4", "de": "2. OG", "en": "Flat 4"}
NAMED = {"it": "presso Rossi", "es": "edificio Sol", "fr": "chez Corvec", "de": "c/o Meier", "en": "c/o Brand"}


@pytest.mark.parametrize(("language", "street"), EXACT)
def test_a_flat_or_a_person_beside_such_a_name_is_left_out(tmp_path: Path, language: str, street: str) -> None:
    side = Outcome.REFUSED if STREETS[language].index(street) % 2 else Outcome.ACCEPTED
    for typed in (f"{street}, {DETAILS[language]}", f"{NAMED[language]}, {street}"):
        if "(" not in street:
            assert decided(tmp_path, language, STREETS[language], number="7", street=typed).outcome is side
    for number in (f"7, {DETAILS[language]}", f"{DETAILS[language]}, 7"):
        assert decided(tmp_path, language, STREETS[language], number=number, street=street).outcome is side
    for number in ("7, Lyon", "7 8", "7 logements"):
        found = decided(tmp_path, language, STREETS[language], number=number, street=street)
        assert found.outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize(("language", "street"), EXACT)
@pytest.mark.parametrize("form", ["{street} 8", "8 {street}", "{street}, 8", "{street}, now 8 {other}"])
def test_another_number_in_the_street_decides_nothing(tmp_path: Path, language: str, street: str, form: str) -> None:
    other = next(each for each in STREETS[language] if each != street)
    typed = form.format(street=street, other=other)
    found = decided(tmp_path, language, STREETS[language], number="5", street=typed)
    assert found.outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize("typed", ["Via 28 Marzo 1921 5", "Via 28 Marzo 1921, 5"])
def test_the_longest_name_that_exists_is_meant(tmp_path: Path, typed: str) -> None:
    assert decided(tmp_path, "it", STREETS["it"], street=typed).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("number", ["4", "7"])
def test_where_both_readings_exist_both_are_offered(tmp_path: Path, number: str) -> None:
    streets = ["Avenida Olmo", "Avenida Olmo 4"]
    found = decided(tmp_path, "es", streets, number=number, street=streets[1])
    assert found.reason is Reason.AMBIGUOUS_ADDRESS
    assert {each["street"] for each in found.candidates} == set(streets)
    chosen = decided(tmp_path, "es", streets, number=number, street=streets[1], **{CHOICE: OFFERED})
    assert chosen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("tail", [", 99001 Autreville", ", 99002 Valmont", " Autreville", ", 99002"])
def test_another_town_beside_such_a_name_decides_nothing(tmp_path: Path, tail: str) -> None:
    found = decided(tmp_path, "it", STREETS["it"], number="5", street=f"Via 28 Marzo 1921{tail}")
    assert found.outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize(
    ("language", "typed"),
    [
        ("fr", "huit Rue du Puits"),
        ("de", "Lindenweg acht"),
        ("it", "Via Roma otto"),
        ("es", "Calle Mayor ocho"),
    ],
)
def test_a_number_in_words_is_one_where_the_source_has_the_street(tmp_path: Path, language: str, typed: str) -> None:
    streets = {**STREETS, "fr": ["Rue du Puits"]}[language]
    named = [each for each in streets if each in typed]
    assert decided(tmp_path, language, named, street=typed).outcome is Outcome.ACCEPTED
    assert decided(tmp_path, language, named, street=typed, number="5").outcome is Outcome.UNDETERMINED
    both = decided(tmp_path, language, [*named, typed], street=typed)
    assert both.outcome is Outcome.UNDETERMINED  # a street of just this name
    gone = decided(tmp_path, language, ["Rue Haute"], street=typed)
    assert gone.outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize("typed", ["Barrio Bodgeas 2", "Bario Bodegas 2", "Barrio lBodegas 2", "Brario Bodwwegas 2"])
def test_a_slip_in_such_a_name_is_decided_by_the_only_house_of_all_readings(tmp_path: Path, typed: str) -> None:
    streets = ["Calle Mayor", "Barrio Bodegas 2", "Barrio Bodegas 1"]
    assert decided(tmp_path, "es", streets, number="5", street=typed).outcome is Outcome.REFUSED
    for number, street in (("5", typed.replace("2", "3")), ("11", typed), ("5", f"{typed} 8")):
        assert decided(tmp_path, "es", streets, number=number, street=street).outcome is Outcome.UNDETERMINED


def test_a_slip_in_such_a_name_decides_nothing_where_the_plain_street_exists(tmp_path: Path) -> None:
    streets = ["Barrio Bodegas", "Calle Mayor", "Barrio Bodegas 2"]
    found = decided(tmp_path, "es", streets, number="5", street="Barrio Bodgeas 2")
    assert found.reason is Reason.AMBIGUOUS_ADDRESS
    assert {each["street"] for each in found.candidates} == {streets[0], streets[2]}


def test_what_resembles_such_a_name_is_offered(tmp_path: Path) -> None:
    found = decided(tmp_path, "es", ["Calle Mayor", "Barrio Bodegas 2"], number="5", street="Bario Bedogass 2")
    assert found.reason is Reason.AMBIGUOUS_ADDRESS
    assert [(each["number"], each["street"]) for each in found.candidates] == [("5", "Barrio Bodegas 2")]
