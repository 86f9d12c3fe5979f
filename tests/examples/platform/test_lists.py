"""A question about a polling district, which is a list of addresses: what participants are told."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from adapters.address.base.columns import own_layout, zone_layout
from adapters.zone_import.address_lists import LISTED, read_address_lists
from jurat import Outcome
from store.datasets.zones import NewZone, import_zones
from tests.examples.platform.drafting import write
from tests.examples.platform.inside import AT_HOME, NEAR_BORDER, Browser, Town
from tests.examples.platform.test_participants import tree
from tests.examples.platform.test_sending import confirmed

pytestmark = pytest.mark.stacks
ACCESS = "/en/consultations/district/access"
REGISTER = """\
bureau;titre;numero;rue;cp;commune
bureau-1;Bureau 1;6;R DES TANNEURS;99001;VALMONT
bureau-1;;8 bis;R DES TANNEURS;99001;VALMONT
bureau-1;;21;BD DES REMPARTS;99001;VALMONT
"""
OWN = {"number": "numero", "street": "rue", "postcode": "cp", "city": "commune"}


@pytest.fixture(scope="module", autouse=True)
def district(valmont: Town, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The register of a polling district, as a town hall has it, and a question about it."""
    register: Path = tmp_path_factory.mktemp("district") / "register.csv"
    register.write_text(REGISTER, "utf-8")
    layout = zone_layout(own_layout(OWN, placed=False), "bureau", "titre")
    lists = read_address_lists(register, layout, "fr")
    import_zones(
        valmont.engine, [NewZone(each.id, each.title, each.digest, each.content, LISTED) for each in lists], "omar"
    )
    title = {"en": "Where do you live?", "fr": "Où habitez-vous ?"}
    valmont.open("district", {"home": {"criterion": "lives-in", "with": {"zone": "bureau-1"}, "title": title}})


@pytest.fixture
def someone(valmont: Town) -> Browser:
    return valmont.newcomer()


@pytest.mark.parametrize("home", [AT_HOME, NEAR_BORDER, AT_HOME | {"number": "8 bis"}])
def test_whose_house_is_in_the_list_can_take_part_however_near_a_border(someone: Browser, home: dict[str, str]) -> None:
    word = confirmed(someone, "home", home, ACCESS)
    assert "You can take part" in someone.until(word, "You can take part")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("7", "We found your address, but it is outside the area"),
        ("8", "Our sources do not agree about this address"),
        ("99", "We found the street, but not this house number"),
    ],
)
def test_a_house_beside_the_list_is_refused_and_one_that_may_be_in_it_is_undecided(
    valmont: Town, someone: Browser, number: str, told: str
) -> None:
    word = confirmed(someone, "home", AT_HOME | {"number": number}, ACCESS)
    refused = number == "7"
    page = someone.until(word, "Not accepted" if refused else "Could not be decided")
    assert told in page
    assert "You can take part" not in page
    result = valmont.client.result(word.rpartition("/")[2])
    assert result.outcome is (Outcome.REFUSED if refused else Outcome.UNDETERMINED)
    assert result.zone is None


def test_an_administrator_chooses_a_list_as_any_other_zone(valmont: Town) -> None:
    omar = valmont.browser("omar")
    page = tree(omar.get(f"{write(omar)}/questions"))
    (chosen,) = page.xpath("//input[@type='radio'][@value='bureau-1']/@id")
    assert page.xpath(f"//label[@for='{chosen}']/text()") == ["Bureau 1"]
