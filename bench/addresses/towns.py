"""Invents towns with streets, houses and true positions, in many styles of naming."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.addresses.queries import Row
from bench.addresses.sets import write_rows
from bench.addresses.styles import ENGLISH, FRENCH, GERMAN, ITALIAN, SPANISH, Style

METRES_PER_DEGREE = 111_320.0
SIZE_M = 3000.0
"""How wide and high a town is."""

OFF_M = 15.0
"""So far a position of the base may lie from the true one: less than the margin of a house."""

SHARED = 0.15
"""Streets that are named as one of another postcode of the town."""


@dataclass(frozen=True)
class Town:
    """How a town names its streets: `ways` are patterns around `names`. `whole` are names that need no pattern."""

    name: str
    style: Style
    ways: tuple[str, ...]
    names: tuple[str, ...]
    city: str
    postcodes: tuple[str, ...]
    middle: tuple[float, float]
    whole: tuple[str, ...] = ()
    streets: int = 90
    houses: int = 40
    repeated: tuple[str, ...] = ("bis", "ter")


def build(town: Town, seed: int) -> list[Row]:
    """The addresses of `town` at their true positions; the same ones for the same seed."""
    rng = random.Random(f"{town.name} {seed}")
    rows: list[Row] = []
    known: list[str] = []
    for place, postcode in enumerate(town.postcodes):
        fresh = _names(town, rng)
        names: set[str] = set()
        while len(names) < town.streets // len(town.postcodes):
            name = rng.choice(known) if known and rng.random() < SHARED else next(fresh, None)
            if name is None:
                break
            names.add(name)
        for name in sorted(names):
            rows += _street(town, name, postcode, place, rng)
        known += sorted(names)
    return rows


def write_base(path: Path, rows: Sequence[Row], seed: int) -> None:
    """The addresses as a base in BAN's CSV format has them: each position up to `OFF_M` from the true one."""
    rng = random.Random(seed)
    moved = []
    for row in rows:
        angle, far = rng.uniform(0, 2 * math.pi), OFF_M * math.sqrt(rng.random())
        longitude, latitude = _moved(row.point, far * math.cos(angle), far * math.sin(angle))
        moved.append(replace(row, longitude=longitude, latitude=latitude))
    write_rows(path, moved)


def _names(town: Town, rng: random.Random) -> Iterator[str]:
    combined = [way.format(name) for way, name in itertools.product(town.ways, town.names)]
    names = [*combined, *town.whole]
    rng.shuffle(names)
    return iter(names)


def _street(town: Town, name: str, postcode: str, place: int, rng: random.Random) -> Iterator[Row]:
    """Houses on both sides of a straight street, in the strip of the town that has the postcode."""
    width = SIZE_M / len(town.postcodes)
    start = _moved(
        town.middle, place * width + rng.uniform(0, width) - SIZE_M / 2, rng.uniform(-SIZE_M / 2, SIZE_M / 2)
    )
    angle, spacing = rng.uniform(0, 2 * math.pi), rng.uniform(8, 22)
    for number in range(1, rng.randint(4, 2 * town.houses)):
        if rng.random() < 0.1:
            continue  # a gap between two houses
        along, across = number / 2 * spacing, 9 if number % 2 else -9
        east = along * math.cos(angle) - across * math.sin(angle)
        north = along * math.sin(angle) + across * math.cos(angle)
        written = f"{number} {rng.choice(town.repeated)}" if rng.random() < 0.04 else str(number)
        yield Row(written, name, postcode, town.city, *_moved(start, east, north))


def _moved(point: tuple[float, float], east: float, north: float) -> tuple[float, float]:
    longitude, latitude = point
    return (
        longitude + east / (METRES_PER_DEGREE * math.cos(math.radians(latitude))),
        latitude + north / METRES_PER_DEGREE,
    )


_FRENCH_WAYS = ("Rue {}", "Avenue {}", "Impasse {}", "Place {}", "Chemin {}", "Allée {}", "Venelle {}", "Route {}")
_LETTERS = ("a", "b", "c")

TOWNS = (
    Town(
        name="Breton port",
        style=FRENCH,
        ways=("Rue {}", "Hent {}", "Straed {}", "Venelle {}", "Quai {}", "Impasse {}", "Plasenn {}"),
        names=(
            "an Aod", "ar Mor", "ar C'hoad", "an Iliz", "ar Vilin", "Koz", "Nevez", "Penn ar Bed", "Per Jakez Helias",
            "Yann Kergoat", "Yann-Ber Kalloc'h", "an Ti-Kêr", "Sant Kaourintin", "Sant Ronan", "de Kerveur",
            "de Kervihan",
            "de Kervian", "Traoñ an Dour", "de l'Aber", "des Goélands", "du Goémon", "Anna Le Braz", "Anne Le Bras",
        ),
        whole=(
            "Kergoat", "Kergoff", "Kerbihan", "Kerveur Bihan", "Kerveur Vras", "Penn an Traezh", "Ty Nevez",
            "Ti Koz",
        ),
        city="Porzh-Valmont",
        postcodes=("29901", "29902"),
        middle=(-4.1, 48.2),
    ),
    Town(
        name="Occitan small town",
        style=FRENCH,
        ways=("Carrièra {}", "Camin {}", "Chemin {}", "Rue {}", "Plaça {}", "Place {}", "Traverse {}", "Draille {}"),
        names=(
            "de la Garriga", "de la Garrigue", "dels Ametlièrs", "del Molin", "de Sant Joan", "de la Font",
            "de la Fònt Bassa",
            "del Castèl", "del Castelàs", "dels Capelans", "de las Olivètas", "des Oliviers", "Frederic Mistral",
            "Joan Bodon", "del Portal Nòu", "del Portal", "de la Gleisa", "del Riu", "de Riuclar", "de Montjòi",
            "de Montjuif",
        ),
        whole=("Mas de la Font", "Mas de la Fònt", "Mas del Riu", "Lo Claus", "Las Combas", "La Comba", "Puèg Aut"),
        city="Vilamont d'Òc",
        postcodes=("34901", "34902"),
        middle=(3.6, 43.7),
    ),
    Town(
        name="Alsatian small town",
        style=FRENCH,
        ways=("Rue {}", "Quai {}", "Impasse {}", "Faubourg {}", "Place {}", "Route {}"),
        names=(
            "de la Krutenau", "des Tonneliers", "des Tanneurs", "des Meuniers", "du Meunier", "de Schwindratzheim",
            "de Schwindolsheim", "de Mittelwihr", "de Mittelhausbergen", "du Haut-Koenigsberg", "Finkmatt", "du Fossé",
            "du Rempart Nord", "du Rempart Sud", "de l'Ill", "des Vosges", "Saint-Léonard", "Sainte-Léonarde",
            "Oberlin",
        ),
        whole=("Kirchgass", "Schlossweg", "Obergass", "Untergass", "Mühlweg", "Muhlenweg", "Herrenweg", "Hintergass"),
        city="Valmontheim",
        postcodes=("67901", "67902"),
        middle=(7.6, 48.5),
    ),
    Town(
        name="Villages with lieux-dits",
        style=FRENCH,
        ways=("Chemin {}", "Route {}", "Impasse {}", "Rue {}"),
        names=(
            "du Bourg", "du Haut Bourg", "du Bas Bourg", "du Four", "du Four à Chaux", "de la Croix", "des Trois Croix",
            "de la Croix Blanche", "de l'Étang", "des Étangs", "du Pré", "du Grand Pré", "du Petit Pré", "du Puits",
            "du Lavoir",
        ),
        whole=(
            "Le Bourg", "Le Petit Bourg", "Les Granges", "La Grange", "La Grande Grange", "Le Moulin", "Les Moulins",
            "La Croix",
            "Le Haut Valmont", "Le Bas Valmont", "Les Essarts", "Les Essarts Dessous", "Les Essarts Dessus",
            "La Borderie",
            "La Borde", "Les Bordes", "Chez Martin", "Chez Marlin", "Le Puy", "Le Puits", "Les Vignes", "La Vigne",
        ),
        city="Valmont-les-Granges",
        postcodes=("23901", "23902", "23903"),
        middle=(2.0, 46.2),
        houses=14,
    ),
    Town(
        name="Town whose streets share words",
        style=FRENCH,
        ways=_FRENCH_WAYS,
        names=(
            "du Moulin", "du Vieux Moulin", "du Petit Moulin", "du Grand Moulin", "du Moulin Vert", "du Moulin Neuf",
            "du Moulin à Vent", "des Deux Moulins", "des Trois Moulins", "de l'Église", "de la Vieille Église",
            "du Pont",
            "du Vieux Pont", "du Pont Neuf", "du Pont Vert", "du Port", "du Vieux Port", "Jean Corvec", "Jeanne Corvec",
            "Jean Corvet", "Jean-Baptiste Corvec", "du Général Marlot", "du Général Merlot", "du Colonel Marlot",
            "Martel",
            "Marcel", "Mortel", "Charlot", "Charlet", "Charles", "Rolland", "Roland", "Rolland Nord",
        ),
        city="Valmont",
        postcodes=("99101", "99102", "99103"),
        middle=(5.2, 45.4),
        streets=180,
    ),
    Town(
        name="French grid town",
        style=FRENCH,
        ways=("{} Rue", "{} Avenue"),
        names=tuple(f"{number}e" for number in range(2, 40)),
        whole=tuple(f"{way} {number}" for way in ("Rue", "Allée", "Voie") for number in range(1, 30)),
        city="Valmont-Neuf",
        postcodes=("97901", "97902"),
        middle=(-52.6, 5.1),
    ),
    Town(
        name="German town",
        style=GERMAN,
        ways=("{}straße", "{}weg", "{}gasse", "Am {}", "Alte {}straße", "Kleine {}gasse", "{}platz", "{}ring"),
        names=(
            "Haupt", "Kirch", "Schul", "Mühlen", "Mühl", "Garten", "Gärtner", "Berg", "Burg", "Linden", "Birken",
            "Buchen",
            "Wiesen", "Wiesel", "Rosen", "Goethe", "Schiller", "Bahnhof", "Markt", "Brunnen", "Hirten", "Hirsch",
            "Tannen",
        ),
        whole=(
            "Sankt-Martin-Straße", "Karl-Valmont-Straße", "Karla-Valmont-Straße", "Zum Alten Zoll", "Unter den Linden",
            "An der Burgmauer", "Doktor-Marlow-Weg", "Otto-Marlow-Weg", "Im Grund", "Im Winkel", "Im Grün",
        ),
        city="Valmontingen",
        postcodes=("99001", "99002"),
        middle=(10.1, 50.3),
        repeated=_LETTERS,
    ),
    Town(
        name="Spanish town",
        style=SPANISH,
        ways=("Calle {}", "Avenida {}", "Plaza {}", "Camino {}", "Paseo {}", "Travesía {}", "Ronda {}"),
        names=(
            "Mayor", "Nueva", "Real", "del Molino", "de los Molinos", "del Molino Viejo", "de la Iglesia",
            "de San Juan",
            "de Santa Juana", "de San Julián", "del Pilar", "de la Fuente", "de las Fuentes", "del Río", "de los Ríos",
            "de la Rosa", "de la Reina", "del Rey", "Cervantes", "Cerrada", "del Doctor Marlo", "del Doctor Merlo",
        ),
        city="Valmonte",
        postcodes=("49901", "49902"),
        middle=(-3.9, 40.2),
        repeated=_LETTERS,
    ),
    Town(
        name="Spanish grid town",
        style=SPANISH,
        ways=("Calle {}", "Carrera {}", "Avenida {}"),
        names=tuple(str(number) for number in range(1, 46)),
        city="Valmonte Nuevo",
        postcodes=("59901", "59902"),
        middle=(-74.1, 4.6),
        repeated=_LETTERS,
    ),
    Town(
        name="Italian town",
        style=ITALIAN,
        ways=("Via {}", "Viale {}", "Piazza {}", "Vicolo {}", "Corso {}", "Largo {}"),
        names=(
            "Roma", "Romana", "Garibaldi", "Giuseppe Mazzini", "Giovanni Mazzini", "Dante", "Verdi", "Verde",
            "San Marco",
            "San Martino", "Santa Martina", "del Mulino", "dei Mulini", "della Chiesa", "delle Chiese", "del Ponte",
            "Ponte Vecchio", "XX Settembre", "IV Novembre", "25 Aprile", "dei Fabbri", "del Fabbro", "Nazionale",
            "Stazione",
        ),
        city="Valmonte Terme",
        postcodes=("59801", "59802"),
        middle=(11.3, 43.1),
        repeated=_LETTERS,
    ),
    Town(
        name="English town",
        style=ENGLISH,
        ways=("{} Street", "{} Road", "{} Lane", "{} Close", "{} Avenue", "Upper {} Street", "{} Gardens"),
        names=(
            "High", "Church", "Mill", "Hill", "Miller", "Mills", "Station", "Park", "Parker", "Victoria", "Victor",
            "King",
            "Kings", "Queen", "Queens", "Saint John", "Saint James", "North", "South", "Elm", "Elms", "Oak", "Marlow",
            "Barlow",
        ),
        whole=("The Green", "The Grove", "Broadway", "Old Broadway", "Mill Hill", "Mount Pleasant", "Rose Hill"),
        city="Valmont-on-Sea",
        postcodes=("VM1 1AA", "VM1 2BB", "VM2 3CC"),
        middle=(-1.2, 52.0),
        repeated=_LETTERS,
    ),
    Town(
        name="English grid town",
        style=ENGLISH,
        ways=("{} Street", "East {} Street", "West {} Street", "{} Avenue", "North {} Avenue"),
        names=(
            "1st", "2nd", "3rd", *(f"{number}th" for number in range(4, 21)), "21st", "22nd", "23rd", "24th", "31st",
            "32nd",
        ),
        whole=("Avenue A", "Avenue B", "Avenue C", "A Street", "B Street", "Main Street", "Broadway"),
        city="Valmont City",
        postcodes=("00901", "00902"),
        middle=(-96.7, 40.8),
        streets=120,
        repeated=_LETTERS,
    ),
)  # fmt: skip
