"""Valmont as the commands about zones see it: two zones side by side, an address file, a question."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.cli.commands.test_zones import EAST, SQUARE, collection
from tests.cli.shell import Shell

CONFIGURATION = """\
environment: test
sources:
  towns: { type: address-file, path: towns.csv }
  spare: { type: address-file, path: towns.csv }
criteria:
  lives-in: { source: towns, open: [zone] }
consultations:
  budget:
    questions:
      residence: { criterion: lives-in, with: { zone: old-town }, on_undetermined: review }
    access: residence
"""
TOWNS = """\
numero;rep;nom_voie;code_postal;nom_commune;lon;lat
8;;Rue du Puits;00100;Valmont;2.0001;48.005
10;;Rue du Puits;00100;Valmont;2.005;48.005
12;bis;Rue du Puits;00100;Valmont;2.015;48.005
14;;Rue du Puits;00100;Valmont;2.0002;48.0052
20;;Rue du Puits;00100;Valmont;2.0015;48.005
20;;Rue du Puits;00100;Valmont;2.003;48.005
"""


def sql(shell: Shell, statement: str, **parameters: Any) -> list[Any]:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection, connection:
        return connection.execute(statement, parameters).fetchall()


def settle(shell: Shell, made: Path) -> None:
    """Import the zones, or take them from `made`, where the first one leaves them: an import takes a process."""
    shell.write("towns.csv", TOWNS)
    shell.write("zones.geojson", json.dumps(collection(("old-town", SQUARE), ("harbour", EAST))))
    shell.write("jurat.yaml", CONFIGURATION)
    if made.exists():
        shutil.copyfile(made, shell.folder / "jurat.db")
    else:
        assert shell("zones", "import", "zones.geojson").code == 0
        shutil.copyfile(shell.folder / "jurat.db", made)
    assert shell("config", "apply", "jurat.yaml").code == 0
