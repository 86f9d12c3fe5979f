"""The invented town as the platform knows it: its tables, who may be tried, and what is voted on.

It needs nothing of jurat; what jurat needs is in `seed.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from examples.platform.web import store
from examples.platform.web.parts import LEGAL as LEGAL_PAGES

PASSWORD = "valmont-example"  # noqa: S105 - printed to who tries it, for people who do not exist

LEGAL = {name: f"https://valmont.example/{name.partition('_')[0].lower()}" for name in LEGAL_PAGES}
"""Pages that the law asks for. As the town is invented, there is nothing at these addresses."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to try the platform as."""

    name: str
    role: str


ADA = Person("ada", store.PARTICIPANT)  # gets in
BEN = Person("ben", store.PARTICIPANT)  # is blocked
CLEO = Person("cleo", store.PARTICIPANT)  # waits until a person has decided
RHEA = Person("rhea", store.REVIEWER)
OMAR = Person("omar", store.ADMINISTRATOR)
PEOPLE = (ADA, BEN, CLEO, RHEA, OMAR)

BUDGET: list[dict[str, Any]] = [
    {
        "id": "fountain",
        "title": {"en": "The fountain on the herb market", "fr": "La fontaine du marché aux herbes"},
        "text": {
            "en": "It has been dry for eleven years. It would get new pipes, a new basin, and benches in the shade.",
            "fr": "À sec depuis onze ans, elle aurait de nouveaux tuyaux, un nouveau bassin et des bancs à l’ombre.",
        },
        "cost": 84_000,
    },
    {
        "id": "stairs",
        "title": {"en": "A handrail on the Vigie stairs", "fr": "Une rampe pour l’escalier de la Vigie"},
        "text": {
            "en": "One hundred and twelve steps, lit at night, with a handrail on both sides and three places to rest.",
            "fr": "Cent douze marches, éclairées la nuit, avec une rampe de chaque côté et trois paliers de repos.",
        },
        "cost": 46_500,
    },
    {
        "id": "library",
        "title": {"en": "The library open on Sundays", "fr": "La bibliothèque ouverte le dimanche"},
        "text": {
            "en": "From 10 am to 5 pm, for one year at first, with a room where people can talk.",
            "fr": "De 10 h à 17 h, pendant un an pour commencer, avec une salle où l’on peut parler.",
        },
        "cost": 38_000,
    },
    {
        "id": "courtyard",
        "title": {"en": "A garden in the tanners’ courtyard", "fr": "Un jardin dans la cour des tanneurs"},
        "text": {
            "en": "Twelve garden beds for neighbours, a tool shed, and rainwater from the roofs.",
            "fr": "Douze carrés pour le voisinage, un abri à outils et l’eau de pluie des toits.",
        },
        "cost": 21_200,
    },
]
CARE: list[dict[str, Any]] = [
    {
        "id": "evening",
        "title": {"en": "A practice that opens in the evening", "fr": "Un cabinet ouvert le soir"},
        "text": {
            "en": "Three evenings a week until 9 pm, shared between the practices of the town.",
            "fr": "Trois soirs par semaine jusqu’à 21 h, partagés entre les cabinets de la ville.",
        },
        "cost": 0,
    },
    {
        "id": "visits",
        "title": {"en": "Home visits by bicycle", "fr": "Des visites à domicile à vélo"},
        "text": {
            "en": "Two cargo bicycles for health workers who visit patients on the hill.",
            "fr": "Deux vélos cargos pour les visites à domicile sur la colline.",
        },
        "cost": 9_400,
    },
]


def seed(platform: Engine, passwords: Mapping[str, str] | None = None) -> bool:
    """The platform's own tables, people and proposals; False where they were there before.

    Each of the people has one of the `passwords`, or `PASSWORD`.
    """
    store.make_tables(platform)
    with platform.begin() as connection:
        if seeded(connection):
            return False
    known = {person.name: store.hashed((passwords or {}).get(person.name, PASSWORD)) for person in PEOPLE}
    with platform.begin() as connection:
        for person in PEOPLE:
            if person.role == store.PARTICIPANT:
                store.add_account(connection, person.name, known[person.name])
            else:
                store.add_officer(connection, person.name, known[person.name], person.role)
        store.keep_consultation(
            connection,
            "care",
            {"en": "Care close to home", "fr": "Des soins près de chez soi"},
            {
                "en": "What do health workers in Valmont need? The physicians of the town choose.",
                "fr": "De quoi le personnel soignant de Valmont a-t-il besoin ? Les médecins de la ville choisissent.",
            },
            CARE,
        )
        store.keep_consultation(
            connection,
            "budget",
            {"en": "Participatory budget of the old town", "fr": "Budget participatif de la vieille ville"},
            {
                "en": "150,000 euros for the old town. Its residents choose up to three of these proposals.",
                "fr": "150 000 euros pour la vieille ville. "
                "Les personnes qui y habitent choisissent jusqu’à trois projets.",
            },
            BUDGET,
        )
    return True


def seeded(connection: Connection) -> bool:
    """Whether the people of the town are there. All of them came in one transaction."""
    return store.find_account(connection, ADA.name) is not None


def change_passwords(platform: Engine, passwords: Mapping[str, str], *, only: str | None = None) -> list[str]:
    """Give the people these passwords, or `only` those who have that one; the names of those who got another one."""
    with platform.begin() as connection:
        found = [each for person in PEOPLE if (each := _found(connection, person)) is not None]
    changed = {
        who.name: store.hashed(passwords[who.name])
        for who, recipe in found
        if (_fits(platform, who, recipe, only) if only else not _fits(platform, who, recipe, passwords[who.name]))
    }
    with platform.begin() as connection:
        for who, _recipe in found:
            if who.name in changed:
                store.change_password(connection, who, changed[who.name])
    return list(changed)


def _found(connection: Connection, person: Person) -> tuple[store.Account, str] | None:
    in_office = person.role != store.PARTICIPANT
    who = (store.find_officer if in_office else store.find_account)(connection, person.name)
    recipe = store.recipe_of(connection, person.name, in_office=in_office)
    return (who, recipe) if who and recipe else None


def _fits(platform: Engine, who: store.Account, recipe: str, password: str) -> bool:
    known = store.derived(password, recipe)
    with platform.begin() as connection:
        return store.enter(connection, who.name, known, in_office=who.in_office) is not None
