"""What an administrator of jurat does once for the town: tables, zones, the configuration, codes for letters.

    python -m examples.platform.seed --registry https://registry:8443 --ca-file /run/secrets/registry_certificate

With `bin/jurat` it would be `db upgrade`, `zones import`, `config apply` and `codes generate`. All of it may be done
again: what is there already stays as it is, and the letters get new codes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from adapters.zone_import.files import read_zone_file
from config.lint import lint
from config.settings import SettingsError, read_settings
from jurat.codes import clean, generate
from jurat.errors import ConfigurationError
from store.configurations.publisher import ConfigPublisher
from store.datasets.zones import NewZone, import_zones
from store.requests.code_lists import add_codes
from store.schema import migrations
from worker.cores import leave_none
from worker.service import Service, open_service

HERE = Path(__file__).resolve().parent
TOWN = HERE.parent / "town"
LIST = "letters"
LETTERS = 12


def seed(service: Service, registry: str, folder: Path, ca_file: Path | None = None) -> list[str]:
    """Set up everything, with the registry at the URL `registry`. Returns the codes of the letters, shown only once.

    The configuration is left as `jurat.yaml` in `folder`. Workers trust the registry's certificate by
    `ca_file`, a file where they run.

    Raises ConfigurationError if it cannot be used.
    """
    migrations.upgrade(service.database)
    zones = [
        NewZone(zone.id, zone.title, zone.digest, zone.wkb, outline=zone.outline)
        for zone in read_zone_file(TOWN / "zones.geojson").zones
    ]
    import_zones(service.database, zones, "seed")
    written = folder / "jurat.yaml"
    text = (HERE / "jurat.yaml").read_text("utf-8").replace("SOURCES", registry).replace("examples/town", str(TOWN))
    if ca_file:
        text = text.replace("# ca_file: CERTIFICATE -", f"ca_file: {ca_file} #")
    written.write_text(text, "utf-8")
    report = lint([written], zones={zone.name for zone in zones}, environ={})
    if report.configuration is None:
        raise ConfigurationError(str(report))
    ConfigPublisher(service.database).apply(report.configuration, "seed")
    return letters(service)


def letters(service: Service) -> list[str]:
    """Make new codes for letters. The database has only their hashes."""
    if service.fingerprints is None:
        raise ConfigurationError(
            "JURAT_HASH_KEYS is not set: codes need it; bring back the key of this installation, or only where there "
            "was none yet make it with `bin/jurat keys generate`"
        )
    codes = [generate() for _ in range(LETTERS)]
    stored = [service.fingerprints.newest(LIST, str(clean(code))) for code in codes]
    add_codes(service.database, LIST, stored, "seed")
    return codes


def main() -> int:
    """For Compose, where each part is a process of its own."""
    options = argparse.ArgumentParser(description="Seed the invented town.")
    options.add_argument("--registry", required=True, metavar="URL", help="where the invented registry answers")
    options.add_argument("--ca-file", type=Path, metavar="FILE", help="what workers trust its certificate by")
    given = options.parse_args()
    try:
        service = open_service(read_settings())
        with tempfile.TemporaryDirectory() as folder:
            codes = seed(service, given.registry, Path(folder), given.ca_file)
        service.close()
    except (ConfigurationError, SettingsError) as error:
        print(f"valmont: {error}", file=sys.stderr)
        return 2
    print("Codes of letters, to try:", *codes, sep="\n  ")
    return 0


if __name__ == "__main__":
    leave_none()  # it holds keys
    sys.exit(main())
