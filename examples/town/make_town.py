"""Writes the invented town of Valmont: `addresses.csv` (BAN's departmental CSV format) and `zones.geojson`.

    python examples/town/make_town.py

The town, its streets, postcodes and city codes do not exist; its place is open sea. Running this again gives the same
bytes. The plan is in metres east and north of a corner of the town, so that the borders can be read from the code:

    y 1150-1400   the suburb, in no zone
    y  450-1150   old-town (x below 950) and hill (x above 950)
    y    0- 450   harbour
    x from 1850   Port-Valmont, another municipality that shares the postcode 99002, in no zone
"""

from __future__ import annotations

import csv
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

Point = tuple[float, float]

CORNER_LONGITUDE, CORNER_LATITUDE = -38.0, 44.0
METRES_PER_DEGREE = 111_320.0

COLUMNS = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;code_insee_ancienne_commune;"
    "nom_ancienne_commune;x;y;lon;lat;type_position;alias;nom_ld;libelle_acheminement;nom_afnor;source_position;"
    "source_nom_voie;certification_commune;cad_parcelles"
).split(";")


@dataclass(frozen=True)
class Street:
    """A street along `line` (metres), its house numbers, and the repetitions ("bis") next to some."""

    name: str
    postcode: str
    line: tuple[Point, ...]
    first: int = 1
    last: int = 24
    repetitions: tuple[tuple[int, str], ...] = ()
    city: tuple[str, str] = ("99901", "Valmont")


PORT_VALMONT = ("99902", "Port-Valmont")

STREETS = (
    # old-town
    Street("Rue des Tanneurs", "99001", ((80, 520), (240, 545)), last=20, repetitions=((8, "bis"), (8, "ter"))),
    Street("Rue des Tonneliers", "99001", ((80, 600), (250, 610)), last=20),
    Street("Impasse des Tanneurs", "99001", ((240, 545), (255, 590)), last=6),
    Street("Place du Marché aux Herbes", "99001", ((330, 640), (330, 720)), last=12),
    Street("Rue Amélie Corvec", "99001", ((100, 700), (290, 715)), last=26, repetitions=((5, "a"), (5, "b"))),
    Street("Rue Amédée Corvec", "99001", ((100, 800), (290, 790)), last=26),
    Street("Rue Saint-Elme", "99001", ((420, 560), (420, 760)), last=28, repetitions=((14, "bis"),)),
    Street("Rue du Vieux Moulin", "99001", ((520, 620), (700, 660)), last=22),
    Street("Rue de la Vigie", "99001", ((520, 860), (720, 900)), last=24),
    Street("Cour des Imprimeurs", "99001", ((600, 980), (660, 1000)), last=9),
    Street("Boulevard du Maréchal Kerouen", "99001", ((120, 1000), (420, 1040)), last=38, repetitions=((21, "bis"),)),
    # old-town and hill: crosses the border at x = 950
    Street("Rue du Passage", "99001", ((740, 800), (1160, 800)), last=56),
    # along the border of old-town and harbour: odd numbers on one side of it, even ones on the other
    Street("Boulevard des Remparts", "99001", ((150, 450), (560, 470)), last=50),
    # hill
    Street("Avenue de la Vigie", "99002", ((1080, 880), (1330, 930)), last=32),
    Street("Chemin des Vignes", "99002", ((1180, 1000), (1420, 1070)), last=20, repetitions=((7, "bis"),)),
    Street("Rue du Moulin", "99002", ((1240, 560), (1440, 600)), last=26),
    Street("Rue du Docteur Paulhac", "99002", ((1500, 640), (1500, 860)), last=30),
    Street("Allée des Genêts", "99002", ((1580, 700), (1700, 720)), last=14),
    Street("Rue de l'Église", "99002", ((1600, 900), (1600, 1050)), last=18),
    # harbour
    Street("Quai des Sardiniers", "99002", ((200, 60), (620, 70)), first=2, last=50, repetitions=((12, "bis"),)),
    Street("Rue de la Criée", "99002", ((300, 160), (300, 340)), last=22),
    Street("Rue des Calfats", "99002", ((420, 180), (600, 210)), last=22),
    Street("Rue du 3 Septembre", "99002", ((720, 160), (880, 190)), last=20),
    Street("Avenue du Phare", "99002", ((1000, 120), (1350, 180)), last=44, repetitions=((33, "ter"),)),
    Street("Rue des Corderies", "99002", ((1420, 140), (1420, 330)), last=24),
    # the suburb
    Street("Route de Brévan", "99001", ((200, 1250), (640, 1330)), last=40),
    Street("Rue des Jardins Ouvriers", "99001", ((760, 1260), (940, 1280)), last=18),
    # Port-Valmont: the same postcode as the hill, and a street of the same name
    Street("Rue de l'Église", "99002", ((1950, 600), (1950, 760)), last=18, city=PORT_VALMONT),
    Street("Rue de l'Étale", "99002", ((2000, 420), (2160, 450)), last=18, city=PORT_VALMONT),
)

# Borders are shared vertex for vertex, so that the zones touch without a gap or an overlap.
SOUTH = ((0.0, 0.0), (600.0, -20.0), (1250.0, 10.0), (1800.0, 0.0))
SHORE_OLD_TOWN = ((0.0, 440.0), (140.0, 450.0), (560.0, 470.0), (760.0, 462.0), (950.0, 455.0))
SHORE_HILL = ((950.0, 455.0), (1200.0, 470.0), (1500.0, 440.0), (1800.0, 450.0))
WALL = ((950.0, 455.0), (945.0, 620.0), (950.0, 790.0), (956.0, 960.0), (950.0, 1150.0))
NORTH_OLD_TOWN = ((0.0, 1150.0), (480.0, 1165.0), (950.0, 1150.0))
NORTH_HILL = ((950.0, 1150.0), (1400.0, 1140.0), (1800.0, 1160.0))

ZONES: tuple[tuple[str, str, tuple[Point, ...]], ...] = (
    ("old-town", "Vieille Ville", (*SHORE_OLD_TOWN, *WALL[1:], *NORTH_OLD_TOWN[-2::-1])),
    ("harbour", "Le Port", (*SOUTH, *SHORE_HILL[::-1], *SHORE_OLD_TOWN[-2::-1])),
    ("hill", "La Colline", (*SHORE_HILL, *NORTH_HILL[::-1], *WALL[-2:0:-1])),
)


def degrees(point: Point) -> tuple[float, float]:
    """Longitude and latitude, rounded as BAN rounds them."""
    east, north = point
    latitude = CORNER_LATITUDE + north / METRES_PER_DEGREE
    longitude = CORNER_LONGITUDE + east / (METRES_PER_DEGREE * math.cos(math.radians(CORNER_LATITUDE)))
    return round(longitude, 6), round(latitude, 6)


def point_next_to(line: tuple[Point, ...], share: float, offset: float) -> Point:
    """The point at `share` (0 to 1) of the first stretch of `line`, `offset` metres to its left."""
    (x0, y0), (x1, y1) = line[0], line[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    along_x, along_y = (x1 - x0) / length, (y1 - y0) / length
    return x0 + (x1 - x0) * share - along_y * offset, y0 + (y1 - y0) * share + along_x * offset


def addresses() -> list[dict[str, str]]:
    """The rows of `addresses.csv`, in the order of the streets and their numbers."""
    scatter = random.Random(1)
    rows = []
    for order, street in enumerate(STREETS, start=1):
        city_code, city = street.city
        numbers = [(number, "") for number in range(street.first, street.last + 1)]
        for number, repetition in sorted([*numbers, *street.repetitions]):
            share = (number - street.first + 0.5 + 0.2 * bool(repetition)) / (street.last - street.first + 1)
            side = 1 if number % 2 else -1
            longitude, latitude = degrees(point_next_to(street.line, share, side * scatter.uniform(7, 12)))
            parts = [city_code, f"{order * 10:04}", f"{number:05}", repetition]
            row = dict.fromkeys(COLUMNS, "")
            row |= {
                "id": "_".join(part for part in parts if part),
                "numero": str(number),
                "rep": repetition,
                "nom_voie": street.name,
                "code_postal": street.postcode,
                "code_insee": city_code,
                "nom_commune": city,
                "lon": str(longitude),
                "lat": str(latitude),
                "type_position": "parcelle",
                "libelle_acheminement": city.upper().replace("-", " "),
                "source_position": "commune",
                "source_nom_voie": "commune",
                "certification_commune": "1",
            }
            rows.append(row)
    return rows


def zones() -> dict[str, object]:
    """`zones.geojson` as an object."""
    features = []
    for zone, name, ring in ZONES:
        closed = [list(degrees(point)) for point in (*ring, ring[0])]
        geometry = {"type": "Polygon", "coordinates": [closed]}
        features.append({"type": "Feature", "properties": {"id": zone, "name": name}, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def main() -> None:
    here = Path(__file__).parent
    with (here / "addresses.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(addresses())
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in zones()["features"])  # type: ignore[attr-defined]
    (here / "zones.geojson").write_text(
        '{"type": "FeatureCollection", "features": [\n' + lines + "\n]}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
