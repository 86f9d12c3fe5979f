"""Transfers, erasures and codes: both clients and the functions of PostgreSQL take the same and refuse the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jurat import Client, InvalidSubmission, JuratError, LimitReached, UnknownConsultation
from jurat.ids import uuid7
from jurat.seal import Seal, key_to_text
from tests.jurat.conftest import PUBLIC_KEY
from tests.jurat.consultations import Town, plain

SEAL = Seal(PUBLIC_KEY)
SEALED = SEAL.close(b'["7K3M-9QXT-4WPD"]')
ERRORS = {UnknownConsultation: "JU001", InvalidSubmission: "JU004 or JU005", LimitReached: "JU013"}

ODD = st.sampled_from(["", " ", "a\nb", "a\u200bb", "\u00a0", "é" * 200, "é" * 201])
CONSULTATIONS = st.one_of(st.sampled_from(["budget", "budget", "budget", "vote", "over", "VOTE"]), ODD)
IDS = st.sampled_from([None, None, "one", "two"])
PEOPLE = st.one_of(st.sampled_from(["p-1", "p-1", "P-1", "p-2", "Erased-1", "erased", "erased-"]), ODD)
CLERKS = st.one_of(st.sampled_from(["a clerk", "a clerk", "a clerk", "p-1", " P-1\ufe0f", "p\u00ad-2", "p 1"]), ODD)
TRANSFER = st.fixed_dictionaries(
    {"consultation": CONSULTATIONS, "participant": PEOPLE, "target": PEOPLE, "by": CLERKS, "id": IDS}
)
ERASE = st.fixed_dictionaries({"consultation": st.one_of(st.none(), CONSULTATIONS), "participant": PEOPLE, "id": IDS})
CODES = st.fixed_dictionaries(
    {
        "code_list": st.sampled_from(["spring", "spring", "autumn", "Spring", "", "a b", "-a", "x" * 63, "x" * 64]),
        "by": CLERKS,
        "expires": st.sampled_from([None, None, datetime(2020, 1, 1, tzinfo=UTC), datetime(2998, 1, 1, tzinfo=UTC)]),
        "id": IDS,
    }
)
PLAIN = {"consultation": "budget", "participant": "p-1", "target": "p-2", "by": "a clerk", "id": "one"}


@dataclass
class Way:
    """One of the three ways to ask, with request ids of its own."""

    ask: Callable[[str, dict[str, Any]], UUID]
    ids: dict[str, UUID] = field(default_factory=dict)

    def says(self, kind: str, given_: dict[str, Any]) -> str:
        """What comes of it: the label of the id under which it is stored, or the code of the error."""
        label = given_["id"]
        number = self.ids.setdefault(label, uuid7()) if label else None
        try:
            found = self.ask(kind, {**given_, "id": number})
        except JuratError as error:
            return ERRORS[type(error)]
        except psycopg.Error as error:
            return "JU004 or JU005" if error.sqlstate in ("JU004", "JU005") else str(error.sqlstate)
        assert found == number or number is None
        return str(label)


def of_client(town: Town, client: Client) -> Callable[[str, dict[str, Any]], UUID]:
    def ask(kind: str, given_: dict[str, Any]) -> UUID:
        with town.engine.begin() as connection:
            if kind == "codes":
                return client.add_codes(connection, codes=["7K3M-9QXT-4WPD"], **given_)
            asked: UUID = getattr(client, kind)(connection, **given_)
            return asked

    return ask


SQL = {
    "transfer": "jurat_transfer(%(consultation)s, %(participant)s, %(target)s, %(by)s, %(id)s)",
    "erase": "jurat_erase(%(participant)s, %(consultation)s, %(id)s)",
    "codes": "jurat_add_codes(%(code_list)s, %(codes)s, %(codes_key)s, %(by)s, %(expires)s, %(id)s)",
}


def of_function(connection: psycopg.Connection[Any]) -> Callable[[str, dict[str, Any]], UUID]:
    def ask(kind: str, given_: dict[str, Any]) -> UUID:
        values = {"codes": SEALED, "codes_key": SEAL.key_id, **given_}
        row = connection.execute(f"SELECT {SQL[kind]}".encode(), values).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    return ask


@pytest.fixture(scope="module")
def asks(request: pytest.FixtureRequest) -> Iterator[list[Callable[[str, dict[str, Any]], UUID]]]:
    """How a request is made: the client on each engine, and the function. `over` has answers alone."""
    towns: list[Town] = [request.getfixturevalue(f"_{engine}_town") for engine in ("sqlite", "postgresql")]
    clients = [Client(town.url, seal_key=key_to_text(PUBLIC_KEY)) for town in towns]
    for town in towns:
        town.furnish()
        town.write(
            "INSERT INTO jurat_checks (id, consultation, participant, question, source, due_at, submitted_at,"
            f" deadline_at) VALUES (:id, 'over', 'p-1', 'code', 'spring', {', '.join([town.ago(0)] * 3)})",
            id=str(uuid7()),
        )
        if town.engine.dialect.name == "postgresql":
            town.write("UPDATE jurat_allowances SET per_hour = 1000000")
            town.write(
                "INSERT INTO jurat_allowances (login, per_hour) VALUES (session_user, 1000000) ON CONFLICT DO NOTHING"
            )
    with plain(towns[1].url) as connection:
        connection.autocommit = True
        yield [*map(of_client, towns, clients), of_function(connection)]
    for town, client in zip(towns, clients, strict=True):
        client.close()
        if town.engine.dialect.name == "postgresql":
            town.write("DELETE FROM jurat_allowances")
        town.furnish()


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("transfer"), TRANSFER),
            st.tuples(st.just("erase"), ERASE),
            st.tuples(st.just("codes"), CODES),
        ),
        min_size=1,
        max_size=4,
    )
)
@example(steps=[("transfer", PLAIN), ("transfer", PLAIN), ("transfer", {**PLAIN, "target": "p-3"})])
@example(steps=[("transfer", {**PLAIN, "target": name}) for name in ("Erased-1", "erased-", "p-1", "P-1")])
@example(steps=[("transfer", {**PLAIN, "by": name, "id": None}) for name in ("P-1", " p-2", "p\u200b-1", "p-12")])
@example(steps=[("erase", {"consultation": name, "participant": "p-1", "id": None}) for name in ("over", "vote", None)])
@example(steps=[("transfer", {**PLAIN, "consultation": name, "id": None}) for name in ("over", "vote")])
@example(steps=[("codes", {"code_list": "a" * n, "by": "I", "expires": None, "id": None}) for n in (63, 64)])
def test_each_way_takes_and_refuses_the_same(
    asks: list[Callable[[str, dict[str, Any]], UUID]], steps: list[tuple[str, dict[str, Any]]]
) -> None:
    ways = [Way(ask) for ask in asks]
    for kind, given_ in steps:
        said = [way.says(kind, given_) for way in ways]
        assert len(set(said)) == 1, (kind, given_, said)
