"""No part of an answer is ignored: what names another number, town, postcode or street leaves nothing decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from adapters.base import Place, Places
from jurat.vocabulary import Outcome, Reason
from tasks.rules.residence import decide_residence
from tests.tasks.rules.valmont import ANSWER, EAST_ZONE, ELSEWHERE, HOUSE, METRE, STREET, WEST_ZONE

WHOLE = replace(STREET, extent=(1.02, 44.04, 1.06, 44.06))


@dataclass(frozen=True)
class Words:
    """A street, another one, details that do not matter, words between two addresses, another town and a country with
    other postcodes; in one language.
    """

    street: str
    other: str
    details: tuple[str, ...]
    between: tuple[str, ...]
    town: str
    abroad: str
    before: bool = True

    def house(self, number: int, street: str) -> str:
        return f"{number} {street}" if self.before else f"{street} {number}"


LANGUAGES = {
    "fr": Words(
        "rue du Moulin",
        "rue des Tanneurs",
        ("appt 3", "2e étage"),
        ("maintenant", "ou", "ex", "et"),
        "Brévan",
        "Suisse",
    ),
    "de": Words(
        "Mühlstraße",
        "Gerberweg",
        ("Whg. 3", "II. OG"),
        ("jetzt", "oder", "früher", "und"),
        "Brevan",
        "Österreich",
        False,
    ),
    "es": Words(
        "Calle del Molino", "Calle Mayor", ("3º B", "piso 2"), ("ahora", "o", "antes", "y"), "Brevan", "Chile", False
    ),
    "it": Words(
        "Via del Mulino", "Via Roma", ("int. 3", "scala B"), ("ora", "o", "già", "e"), "Brevano", "Svizzera", False
    ),
    "pt": Words(
        "Rua do Moinho", "Rua Nova", ("3º B", "bloco 2"), ("agora", "ou", "antes", "e"), "Brevane", "Portugal", False
    ),
    "nl": Words(
        "Molenstraat", "Havenweg", ("app. 3", "2 hoog"), ("nu", "of", "voorheen", "en"), "Brevan", "Nederland", False
    ),
    "en": Words("Mill Lane", "High Street", ("Flat 3", "2nd floor"), ("now", "or", "formerly", "and"), "Brevan", "UK"),
}
JOINTS = (", ", " ", " - ", " / ", "; ", "\n", " (", ". ", " | ", " = ", " > ", " + ", " & ", " – ", ": ")


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, dict[str, str], dict[str, str]]:
    """A language, an answer that is decided, and the same answer with a part that names something else."""
    code = draw(st.sampled_from(sorted(LANGUAGES)))
    words = LANGUAGES[code]
    street, house, (one, two) = words.street, words.house(8, words.street), words.details
    number, written = draw(
        st.sampled_from(
            [("8", street), ("", house), ("8", house), (f"8, {one}", street), ("8", f"{street}, {two}"),
             ("", f"{one}, {house}"), ("", f"{house}, {two}")]
        )
    )  # fmt: skip
    part = draw(
        st.sampled_from(
            ["12", "9 bis", "nº 12", "12-14", "69003", f"69003 {words.town}", f"F-69003 {words.town}", words.town,
             words.other, words.house(22, words.other), words.house(8, words.other), words.abroad, "xyz"]
        )
    )  # fmt: skip
    joint = draw(st.sampled_from(("", *words.between)))
    part, sign = f"{joint} {part}".strip(), draw(st.sampled_from(JOINTS))
    plain = {**ANSWER, "number": number, "street": written}
    field = draw(st.sampled_from(["number", "street"]))
    ends = (plain[field], part) if draw(st.booleans()) else (part, plain[field])
    joined = f"{ends[0]} ({ends[1]})" if sign == " (" else sign.join(ends)
    return code, plain, {**plain, field: joined if plain[field] else part}


@given(answers())
def test_a_part_that_names_something_else_never_leaves_the_decision_as_it_was(
    drawn: tuple[str, dict[str, str], dict[str, str]],
) -> None:
    code, plain, more = drawn
    house = replace(HOUSE, street=LANGUAGES[code].street)
    before, after = (
        decide_residence(each, Places("nominatim", [house]), WEST_ZONE, language=code) for each in (plain, more)
    )
    event(str(after.reason))
    assert (before.outcome, after.outcome) == (Outcome.ACCEPTED, Outcome.UNDETERMINED)


def found(answer: Mapping[str, str], *places: Place, code: str = "fr") -> tuple[Outcome, Reason, object]:
    finding = decide_residence(answer, Places("nominatim", places), WEST_ZONE, language=code)
    return finding.outcome, finding.reason, finding.evidence.get("conflict")


def test_of_two_addresses_none_decides_and_both_are_offered() -> None:
    other = replace(HOUSE, number="22", street="Rue Brancourt", longitude=ELSEWHERE)
    answer = {**ANSWER, "number": "", "street": "8 rue du Moulin, maintenant 22 rue Brancourt"}
    finding = decide_residence(answer, Places("nominatim", [HOUSE, other]), WEST_ZONE)
    assert (finding.reason, finding.evidence["conflict"]) == (Reason.AMBIGUOUS_ADDRESS, ["street"])
    assert [(each["number"], each["street"]) for each in finding.candidates] == [
        ("8", "Rue du Moulin"),
        ("22", "Rue Brancourt"),
    ]
    chosen = [decide_residence(each, Places("nominatim", [HOUSE, other]), WEST_ZONE) for each in finding.candidates]
    assert [each.outcome for each in chosen] == [Outcome.ACCEPTED, Outcome.REFUSED]


def test_nothing_is_offered_that_the_source_does_not_have() -> None:
    answer = {**ANSWER, "number": "", "street": "9 rue du Moulin, maintenant 22 rue Brancourt"}
    assert decide_residence(answer, Places("nominatim", [HOUSE]), WEST_ZONE).candidates == ()


@pytest.mark.parametrize(
    ("street", "conflict"),
    [
        ("rue du Moulin, Lyon", ["street", "city"]),
        ("rue du Moulin (Lyon)", ["street", "city"]),
        ("Lyon, rue du Moulin", ["street", "city"]),
        ("rue du Moulin, 69003 Lyon", ["street", "postcode"]),
        ("rue du Moulin, 69003", ["street", "postcode"]),
        ("rue du Moulin, Les Lilas", ["street", "city"]),
    ],
)
def test_a_contradiction_says_which_parts_contradict_each_other(street: str, conflict: list[str]) -> None:
    answer = {**ANSWER, "street": street}
    assert found(answer, HOUSE) == (Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, conflict)
    (offered,) = decide_residence(answer, Places("nominatim", [HOUSE]), WEST_ZONE).candidates
    assert offered == {"number": "8", "street": "Rue du Moulin", "postcode": "99002", "city": "Valmont"}


@pytest.mark.parametrize(
    "street",
    [
        "rue du Moulin, Valmont",
        "rue du Moulin 99002 Valmont",
        "rue du Moulin, F-99002",
        "rue du Moulin (99002 VALMONT)",
        "rue du Moulin, 99002 Valmont, France",
    ],
)
def test_a_town_and_a_postcode_that_agree_are_used(street: str) -> None:
    assert found({**ANSWER, "street": street}, HOUSE)[0] is Outcome.ACCEPTED
    alone = {"number": "8", "street": street}
    expected = Outcome.ACCEPTED if "99002" in street else Outcome.UNDETERMINED
    assert found(alone, HOUSE)[0] is expected


@pytest.mark.parametrize(
    ("code", "number", "street"),
    [
        ("fr", "", "rue du Moulin, 8 étages"),
        ("fr", "", "8 logements, rue du Moulin"),
        ("fr", "", "rue du Moulin (8 personnes)"),
        ("fr", "", "8 gauche, rue du Moulin"),
        ("fr", "8 logements", "rue du Moulin"),
        ("fr", "", "rue du Moulin, km 8,5"),
        ("es", "", "Calle del Molino, 8 dcha"),
        ("en", "", "Mill Lane, 8 bedrooms"),
        ("en", "", "8 bed flat, Mill Lane"),
        ("de", "", "Mühlstraße, Haus 8"),
        ("de", "Haus 8", "Mühlstraße"),
        ("it", "", "Via del Mulino, 8 dx"),
        ("it", "", "Via del Mulino, 8 vani"),
    ],
)
def test_a_number_that_is_no_houses_decides_nothing(code: str, number: str, street: str) -> None:
    answer = {**ANSWER, "number": number, "street": street}
    house = replace(HOUSE, street=LANGUAGES[code].street)
    assert found(answer, house, replace(WHOLE, street=house.street), code=code)[0] is Outcome.UNDETERMINED


@pytest.mark.parametrize("number", ["-8", "<8", "8 ?", "8,0", "8²", "⑧", "~8", "8!"])
def test_a_number_with_what_no_number_has_costs_no_round(number: str) -> None:
    assert found({**ANSWER, "number": number}, HOUSE)[1] is Reason.NUMBER_MALFORMED
    within = {**ANSWER, "number": "", "street": f"{number} rue du Moulin"}
    assert found(within, HOUSE)[0] is Outcome.UNDETERMINED


@pytest.mark.parametrize("number", ["8-10", "8/10", "8 à 10", "8 et 10"])
def test_a_range_decides_where_all_its_houses_are_on_one_side(number: str) -> None:
    answer = {**ANSWER, "number": number}
    ten = replace(HOUSE, number="10", longitude=1.05 + 40 * METRE)
    assert found(answer, HOUSE, ten)[0] is Outcome.ACCEPTED
    assert found(answer, replace(HOUSE, number="8-10"))[0] is Outcome.ACCEPTED
    assert found(answer, HOUSE)[:2] == (Outcome.UNDETERMINED, Reason.HOUSE_NUMBER_NOT_FOUND)
    assert found(answer, HOUSE, replace(ten, street="Rue du Moulinn"))[0] is Outcome.UNDETERMINED
    between = replace(ten, longitude=1.1 - 60 * METRE)  # a house between 8 and 10 may be as far as these are apart
    assert found(answer, replace(HOUSE, longitude=1.1 - 150 * METRE), between)[0] is Outcome.UNDETERMINED
    for longitude in (ELSEWHERE, 1.1 - 5 * METRE):
        assert found(answer, HOUSE, replace(ten, longitude=longitude))[0] is Outcome.UNDETERMINED
    suffixed = replace(HOUSE, number="8 bis", longitude=ELSEWHERE)
    assert found(answer, HOUSE, ten, suffixed)[0] is Outcome.UNDETERMINED
    assert found(answer, suffixed, ten)[:2] == (Outcome.UNDETERMINED, Reason.HOUSE_NUMBER_NOT_FOUND)


@pytest.mark.parametrize(
    ("city", "postcode", "named", "outcome"),
    [
        ("Valmont 2e", "99002", "Valmont", Outcome.ACCEPTED),
        ("VALMONT II", "99002", "Valmont", Outcome.ACCEPTED),
        ("Valmont 2ème arrondissement", "99002", "Valmont 2e Arrondissement", Outcome.ACCEPTED),
        ("Valmont 3e", "99002", "Valmont", Outcome.UNDETERMINED),
        ("VALMONT III", "99002", "Valmont", Outcome.UNDETERMINED),
        ("Valmont 3e", "99002", "Valmont 2e Arrondissement", Outcome.UNDETERMINED),
        ("Valmont 1er", "99011", "Valmont", Outcome.UNDETERMINED),
        ("Valmont IIe (99), France", "99002", "Valmont", Outcome.ACCEPTED),
        ("Valmont, Suisse", "99002", "Valmont", Outcome.UNDETERMINED),
        ("99092 VALMONT CEDEX 9", "99002", "Valmont", Outcome.ACCEPTED),
    ],
)
def test_the_district_of_a_town_agrees_with_the_place(city: str, postcode: str, named: str, outcome: Outcome) -> None:
    place = replace(HOUSE, postcode=postcode, city=named)
    assert found({**ANSWER, "city": city, "postcode": postcode}, place)[0] is outcome


@pytest.mark.parametrize(
    "answer", [{"postcode": "99092"}, {"postcode": "", "street": "rue du Moulin, 99092 VALMONT CEDEX"}]
)
def test_the_postcode_of_a_post_office_is_not_used_and_the_house_is_offered(answer: dict[str, str]) -> None:
    asked = {**ANSWER, "city": "Valmont Cedex", **answer}
    finding = decide_residence(asked, Places("nominatim", [HOUSE]), WEST_ZONE)
    assert (finding.reason, [each["postcode"] for each in finding.candidates]) == (Reason.POSTCODE_DIFFERS, ["99002"])
    assert found({**asked, "city_code": "99901"}, HOUSE)[0] is Outcome.ACCEPTED


def test_the_other_postcode_of_a_town_decides_by_its_code_alone_and_the_house_is_offered() -> None:
    asked = {**ANSWER, "postcode": "99102"}  # as Paris has 75016 and 75116 for one district
    finding = decide_residence(asked, Places("nominatim", [HOUSE]), WEST_ZONE)
    assert (finding.reason, len(finding.candidates)) == (Reason.POSTCODE_DIFFERS, 1)
    assert found({**asked, "city_code": "99901"}, HOUSE)[0] is Outcome.ACCEPTED


def test_the_code_of_another_town_contradicts_the_postcode() -> None:
    assert found({**ANSWER, "city_code": "99902"}, HOUSE)[:2] == (Outcome.UNDETERMINED, Reason.POSTCODE_DIFFERS)


@pytest.mark.parametrize(("typed", "side"), [("Bödastraße", Outcome.ACCEPTED), ("Bodastraße", Outcome.UNDETERMINED)])
def test_an_exact_name_has_its_accents_where_the_source_has_both(typed: str, side: Outcome) -> None:
    one, other = replace(HOUSE, street="Bödastraße"), replace(HOUSE, street="Bodastraße", longitude=ELSEWHERE)
    answer = {**ANSWER, "street": typed}
    assert found(answer, one, other, code="de")[0] is side
    # without accents either may be meant; the other street does not lend its house
    lacking = replace(STREET, street="Bödastraße", extent=(1.02, 44.04, 1.06, 44.06))
    assert found({**ANSWER, "street": "Bödastraße"}, lacking, other, code="de")[:2] == (
        Outcome.UNDETERMINED,
        Reason.HOUSE_NUMBER_NOT_FOUND,
    )
    assert decide_residence(answer, Places("nominatim", [one]), EAST_ZONE, language="de").outcome is Outcome.REFUSED


def test_a_street_without_a_number_decides_only_where_nothing_else_is_said() -> None:
    assert found({**ANSWER, "number": ""}, WHOLE)[0] is Outcome.ACCEPTED
    two = {**ANSWER, "number": "", "street": "rue du Moulin, ou rue Brancourt"}
    assert found(two, WHOLE)[0] is Outcome.UNDETERMINED
