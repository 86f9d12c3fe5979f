"""Who is signed in, and what they may see and do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from jurat.names import PRINTABLE, is_printable


class Role(StrEnum):
    """What a person is here for. A reader sees figures and changes nothing; everyone is one."""

    READER = "reader"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in. `name` is what the audit says."""

    name: str
    roles: frozenset[Role]

    def has(self, roles: Iterable[Role]) -> bool:
        """Whether they have one of these roles."""
        return not self.roles.isdisjoint(roles)


def person_of(name: str, roles: Iterable[str]) -> Person:
    """The person of this name. Roles that are unknown here count for nothing.

    Raises ValueError if it is no name that the audit could say.
    """
    if not is_printable(name):
        raise ValueError(f"a name {PRINTABLE}")
    known = {role.value for role in Role}
    return Person(name, frozenset({Role.READER, *(Role(role) for role in roles if role in known)}))
