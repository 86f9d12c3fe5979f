"""Invents what is looked for: personal data and secrets that exist nowhere else, new ones in each run."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from jurat.codes import generate as new_code
from jurat.seal import generate as new_keys
from jurat.seal import key_to_text

MARKERS: Final[Mapping[str, str]] = {
    "street": "street",
    "house": "house number",
    "town": "town",
    "family_name": "family name",
    "given_name": "given name",
    "number": "registration number",
    "birth_date": "date of birth",
    "code": "access codes",
    "participant": "ids of participants",
    "erased": "ids of erased participants",
    "document": "references to documents",
    "note": "notes of contests",
    "roster_name": "names in rosters",
    "roster_number": "numbers in rosters",
    "staff": "names of staff",
    "unseal_key": "the workers' private key",
    "hash_key": "the hash key",
    "reply_key": "the platform's private reply key",
    "database_password": "passwords of the database",
    "broker_password": "the broker's password",
    "source_header": "a source's key for a header",
    "source_query": "a source's key for the query",
    "source_password": "a source's password",
    "platform_secret": "a secret of the platform",
    "sealed": "sealed answers",
}
"""What is marked, as the page says it."""

_BEGIN = ("zor", "quav", "brel", "nyx", "tharn", "velk", "oubr", "mird", "glaz", "wist")
_END = ("undo", "ivane", "oquet", "ardine", "ulmin", "essor", "ombrel", "ingold")


@dataclass
class Marked:
    """One run's values. `sealed` and passwords are added as they come into being."""

    random: random.Random = field(default_factory=random.SystemRandom, repr=False)

    def __post_init__(self) -> None:
        words = self._words()
        digits = self.random.randrange(10**10, 10**11)
        self.street = f"rue Zélie {next(words)}"
        self.house = f"{self.random.randrange(1000, 9999)} {next(words)}"
        self.town = next(words)
        self.family_name = next(words)
        self.given_name = f"Aimé-{next(words)}"
        self.number = f"{digits}"
        self.birth_date = f"1{self.random.randrange(100, 300)}-0{self.random.randrange(1, 9)}-17"
        self.codes = [new_code() for _ in range(3)]
        self.participant = f"p-{next(words)}-{os.urandom(3).hex()}"
        self.erased = f"p-{next(words)}-{os.urandom(3).hex()}"
        self.document = f"doc/{next(words)}/{os.urandom(3).hex()}"
        self.note = f"Je suis né à {next(words)}, voilà {next(words)}."
        self.roster_name = next(words)
        self.roster_number = f"{self.random.randrange(10**10, 10**11)}"
        self.staff = f"clerk-{next(words)}"
        self.unseal_key, self.seal_key = new_keys()
        self.hash_key = os.urandom(32)
        self.reply_key, self.reply_public = new_keys()
        self.broker_password = os.urandom(12).hex()
        self.source_header = f"sk-{next(words)}-{os.urandom(8).hex()}"
        self.source_query = f"q-{next(words)}-{os.urandom(8).hex()}"
        self.source_password = f"{next(words)}/{os.urandom(8).hex()}"
        self.platform_secret = base64.urlsafe_b64encode(os.urandom(24)).decode()
        self.database_passwords: list[str] = []
        self.sealed: list[bytes] = []

    @property
    def person(self) -> dict[str, str]:
        """Whom the sources know."""
        address = {"street": self.street, "town": self.town}
        return {"number": self.number, "family": self.family_name, "given": self.given_name, **address}

    def _words(self) -> Iterator[str]:
        """Invented words that nothing else has: of letters alone, and no two alike."""
        seen: set[str] = set()
        while True:
            word = "".join(self.random.choice(_BEGIN) for _ in range(3)) + self.random.choice(_END)
            if word not in seen:
                seen.add(word)
                yield word.capitalize()

    def texts(self) -> Mapping[str, list[bytes]]:
        """What to look for under the name of each marker."""
        several: Mapping[str, list[bytes]] = {
            "code": [form.encode() for code in self.codes for form in {code, code.replace("-", "")}],
            "database_password": [password.encode() for password in self.database_passwords],
            "sealed": self.sealed,
            **{
                name: [key, key_to_text(key).rstrip("=").encode()]
                for name, key in (
                    ("unseal_key", self.unseal_key),
                    ("hash_key", self.hash_key),
                    ("reply_key", self.reply_key),
                )
            },
        }
        return {name: several.get(name) or [getattr(self, name).encode()] for name in MARKERS if self._is_there(name)}

    def _is_there(self, name: str) -> bool:
        return bool(getattr(self, {"code": "codes", "database_password": "database_passwords"}.get(name, name)))
