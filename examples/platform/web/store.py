"""The platform's own tables: accounts, what is voted on, votes, which check answers which question, and consultations
that are still being written.

They are in the same database as those of jurat, so that a check and the platform's own row are written together.
An answer is in none of them: jurat keeps it sealed, and erases it when it is settled.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import normalize
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from examples.platform.web.functions import make_functions

PARTICIPANT, REVIEWER, ADMINISTRATOR = "participant", "reviewer", "administrator"

metadata = sa.MetaData()
accounts = sa.Table(
    "platform_accounts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password", sa.Text, nullable=False),  # method, salt and hash, as `derived` makes them
    sa.Column("participant", sa.Text, nullable=False, unique=True),  # what jurat gets: no name, no e-mail address
    sa.Column("session", sa.Integer, nullable=False, server_default="0"),  # signing out raises it: cookies name it
)
office = sa.Table(  # of reviewers and administrators: the participants' pages can neither make nor read one
    "platform_office",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("role", sa.Text, sa.CheckConstraint(f"role IN ('{REVIEWER}', '{ADMINISTRATOR}')"), nullable=False),
    sa.Column("participant", sa.Text, nullable=False, unique=True),
    sa.Column("session", sa.Integer, nullable=False, server_default="0"),
)
consultations = sa.Table(
    "platform_consultations",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("title", sa.JSON, nullable=False),
    sa.Column("summary", sa.JSON, nullable=False),
    sa.Column("proposals", sa.JSON, nullable=False),  # a list of id, title, text (both by language) and cost
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
)
answers = sa.Table(
    "platform_answers",
    metadata,
    sa.Column("check_id", sa.Uuid, primary_key=True),
    sa.Column("participant", sa.Text, nullable=False),
    sa.Column("consultation", sa.Text, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("contest", sa.Uuid),
)
votes = sa.Table(
    "platform_votes",
    metadata,
    sa.Column("consultation", sa.Text, primary_key=True),
    sa.Column("participant", sa.Text, primary_key=True),
    sa.Column("proposal", sa.Text, primary_key=True),  # one voice for each: sent twice, it counts once
    sa.Column("voted_at", sa.DateTime(timezone=True), nullable=False),
)
drafts = sa.Table(
    "platform_drafts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),  # the name of an account
    sa.Column("typed", sa.JSON, nullable=False),  # what is in the form, by field
    sa.Column("consultation", sa.Text),  # what it became; then it cannot be changed any more
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
)
batches = sa.Table(
    "platform_batches",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # of jurat's request: a form that is sent twice makes codes once
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
)

DRAFTS_LAST = timedelta(days=30)
"""A draft that was not changed for so long is deleted when another one is begun. One that was published stays as long
as the consultation, to be corrected: jurat forgets it once it is withdrawn."""

SHORTEST_PASSWORD = 8
_METHOD = "scrypt:32768:8:1"
NOBODYS = f"{_METHOD}$0123456789abcdef"
"""The recipe for an unknown name: it takes as long as a wrong password."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has one. `name` is folded; `session` is the number that valid cookies have."""

    name: str
    role: str
    participant: str
    session: int

    @property
    def in_office(self) -> bool:
        """Whether it is one of the office's."""
        return self.role != PARTICIPANT


def make_tables(platform: Engine) -> list[str]:
    """The tables, and what those of an older release lack; whose accounts have become the office's thereby."""
    metadata.create_all(platform)
    with platform.begin() as connection:
        found = {column["name"] for column in sa.inspect(connection).get_columns(accounts.name)}
        if "session" not in found:
            _add_sessions(connection)
        moved = _move_office(connection) if "role" in found else []
        if connection.dialect.name == "postgresql":
            make_functions(connection)
    return moved


def _add_sessions(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE platform_accounts ADD COLUMN session INTEGER NOT NULL DEFAULT 0")
    for name in connection.execute(sa.select(accounts.c.name)).scalars().all():  # nor did that release fold them
        if folded(name) != name and not find_account(connection, folded(name)):
            connection.execute(sa.update(accounts).where(accounts.c.name == name).values(name=folded(name)))


def _move_office(connection: Connection) -> list[str]:
    """All were in one table, with their roles."""
    connection.exec_driver_sql(
        "INSERT INTO platform_office (name, password, role, participant, session) "
        "SELECT name, password, role, participant, session FROM platform_accounts WHERE role <> 'participant'"
    )
    moved = list(connection.execute(sa.select(office.c.name).order_by(office.c.name)).scalars())
    connection.exec_driver_sql("DELETE FROM platform_accounts WHERE role <> 'participant'")
    connection.exec_driver_sql("ALTER TABLE platform_accounts DROP COLUMN role")
    return moved


def folded(name: str) -> str:
    """A name as it is kept and compared: capitals, wide letters and blanks make no other one (Unicode's NFKC)."""
    return " ".join(normalize("NFKC", normalize("NFKC", name).casefold()).split())


def derived(password: str, recipe: str) -> str:
    """What is kept of a password under a `recipe`, which is method and salt: `scrypt:32768:8:1$SALT`.

    It takes a tenth of a second on purpose: not in a transaction, where others wait.
    """
    method, salt = recipe.split("$")
    n, r, p = map(int, method.removeprefix("scrypt:").split(":"))
    memory = 132 * n * r * p
    made = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=memory)
    return f"{recipe}${made.hex()}"


def hashed(password: str) -> str:
    """What is kept of a new password."""
    return derived(password, f"{_METHOD}${secrets.token_urlsafe(12)}")


def find_account(connection: Connection, name: str) -> Account | None:
    """The participant's account of this folded name."""
    wanted = sa.select(accounts.c.name, accounts.c.participant, accounts.c.session).where(accounts.c.name == name)
    row = connection.execute(wanted).first()
    return Account(row.name, PARTICIPANT, row.participant, row.session) if row else None


def find_officer(connection: Connection, name: str) -> Account | None:
    """The office's account of this folded name."""
    kept = office.c.name, office.c.role, office.c.participant, office.c.session
    row = connection.execute(sa.select(*kept).where(office.c.name == name)).first()
    return Account(*row) if row else None


def recipe_of(connection: Connection, name: str, *, in_office: bool) -> str | None:
    """How the password of an account is kept; None if there is none. No one reads what is kept."""
    if connection.dialect.name == "postgresql":
        asked = sa.func.platform_office_recipe if in_office else sa.func.platform_recipe
        found: str = connection.scalar(sa.select(asked(name))) or ""
    else:
        table = office if in_office else accounts
        found = (connection.scalar(sa.select(table.c.password).where(table.c.name == name)) or "").rpartition("$")[0]
    # A login that writes into the table chooses no other method, such as one that takes all memory.
    return found if found.startswith(f"{_METHOD}$") else None


def enter(connection: Connection, name: str, known: str, *, in_office: bool) -> Account | None:
    """The account of this name, where `known` is what is kept of its password."""
    if connection.dialect.name == "postgresql":
        entering = sa.func.platform_office_enter if in_office else sa.func.platform_enter
        asked = sa.select(sa.func.count()).select_from(entering(name, known).table_valued("name"))
        fits = bool(connection.scalar(asked))
    else:
        table = office if in_office else accounts
        wanted = (table.c.name == name) & (table.c.password == known)
        fits = connection.scalar(sa.select(table.c.name).where(wanted)) is not None
    return (find_officer if in_office else find_account)(connection, name) if fits else None


def add_account(connection: Connection, name: str, known: str) -> Account | None:
    """A participant's new account with a `hashed` password; None if the name is taken, even since a moment ago.

    Who has a name of the office has it as well, and is never asked for: see `accounts._let_in`.
    """
    made = Account(name, PARTICIPANT, f"p-{uuid4().hex}", 0)
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(accounts).values(name=name, password=known, participant=made.participant))
    except IntegrityError:
        return None
    return made


def add_officer(connection: Connection, name: str, known: str, role: str) -> None:
    """A new account of the office. No page makes one: who owns the tables does."""
    connection.execute(sa.insert(office).values(name=name, password=known, role=role, participant=f"p-{uuid4().hex}"))


def end_sessions(connection: Connection, who: Account) -> None:
    """No cookie that was given to this account is valid any more, on any device."""
    table = office if who.in_office else accounts
    connection.execute(sa.update(table).where(table.c.name == who.name).values(session=table.c.session + 1))


def change_password(connection: Connection, who: Account, known: str) -> None:
    """Another `hashed` password, and no session of who knew the one before."""
    end_sessions(connection, who)
    table = office if who.in_office else accounts
    connection.execute(sa.update(table).where(table.c.name == who.name).values(password=known))


def all_consultations(connection: Connection) -> list[Any]:
    """What may be voted on, the newest last."""
    return list(connection.execute(sa.select(consultations).order_by(consultations.c.opened_at)))


def find_consultation(connection: Connection, name: str) -> Any:
    """One of them, None where there is none."""
    return connection.execute(sa.select(consultations).where(consultations.c.name == name)).first()


def keep_consultation(
    connection: Connection, name: str, title: dict[str, str], summary: dict[str, str], proposals: list[dict[str, Any]]
) -> None:
    """Store what is voted on in a new consultation."""
    connection.execute(
        sa.insert(consultations).values(
            name=name, title=title, summary=summary, proposals=proposals, opened_at=datetime.now(UTC)
        )
    )


def replace_consultation(
    connection: Connection, name: str, title: dict[str, str], summary: dict[str, str], proposals: list[dict[str, Any]]
) -> None:
    """The same where there may be one of this name, whose votes stay."""
    connection.execute(sa.delete(consultations).where(consultations.c.name == name))
    keep_consultation(connection, name, title, summary, proposals)


def keep_answer(connection: Connection, check: UUID, participant: str, consultation: str, question: str) -> None:
    """Remember whose check this is, in the transaction that submits it."""
    connection.execute(
        sa.insert(answers).values(check_id=check, participant=participant, consultation=consultation, question=question)
    )


def find_answer(connection: Connection, check: UUID, participant: str) -> Any:
    """The participant's own answer of this check; None for one of someone else."""
    wanted = (answers.c.check_id == check) & (answers.c.participant == participant)
    return connection.execute(sa.select(answers).where(wanted)).first()


def keep_contest(connection: Connection, check: UUID, contest: UUID) -> None:
    """Remember that the verdict of a check was contested."""
    connection.execute(sa.update(answers).where(answers.c.check_id == check).values(contest=contest))


def begin_batch(connection: Connection, batch: UUID) -> bool:
    """Store that codes are made for this form; False where they were made before."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(batches).values(id=batch, made_at=datetime.now(UTC)))
    except IntegrityError:
        return False
    return True


def find_vote(connection: Connection, consultation: str, participant: str) -> list[str]:
    """The proposals that a participant voted for; none before they did."""
    mine = (votes.c.consultation == consultation) & (votes.c.participant == participant)
    return list(connection.execute(sa.select(votes.c.proposal).where(mine)).scalars())


def keep_vote(connection: Connection, consultation: str, participant: str, chosen: set[str]) -> None:
    """Store a vote, in place of the one before. One person's votes are stored one after the other: of two that are sent
    at once the later one counts, and not both.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        given = {"consultation": consultation, "participant": participant, "chosen": sorted(chosen)}
        connection.execute(sa.text("SELECT platform_vote(:consultation, :participant, :chosen)"), given)
        return
    mine = (votes.c.consultation == consultation) & (votes.c.participant == participant)
    connection.execute(sa.delete(votes).where(mine))
    when = datetime.now(UTC)
    connection.execute(
        sa.insert(votes),
        [
            {"consultation": consultation, "participant": participant, "proposal": each, "voted_at": when}
            for each in sorted(chosen)
        ],
    )


def count_votes(connection: Connection, consultation: str) -> dict[str, int]:
    """How many of those who have access voted for each proposal: not who lost it since, nor who passed it on to another
    account. A platform that lets access end counts once the vote is closed, by who had it then.
    """
    counted = sa.text("""
        SELECT v.proposal, count(*) FROM platform_votes v
        JOIN jurat_access a ON a.consultation = v.consultation AND a.participant = v.participant
        WHERE v.consultation = :consultation AND a.access = 'granted' GROUP BY v.proposal""")
    return {row[0]: row[1] for row in connection.execute(counted, {"consultation": consultation})}


def voted_for(connection: Connection, consultation: str) -> set[str]:
    """The proposals that got votes."""
    mine = sa.select(votes.c.proposal).where(votes.c.consultation == consultation).distinct()
    return set(connection.execute(mine).scalars())


def votes_in(connection: Connection, consultation: str) -> int:
    """How many votes there are in a consultation."""
    counted = sa.select(sa.func.count(votes.c.consultation)).where(votes.c.consultation == consultation)
    return int(connection.execute(counted).scalar_one())


def remove_consultation(connection: Connection, name: str) -> None:
    """A consultation, the votes in it and what it was made from are gone."""
    connection.execute(sa.delete(drafts).where(drafts.c.consultation == name))
    connection.execute(sa.delete(votes).where(votes.c.consultation == name))
    connection.execute(sa.delete(consultations).where(consultations.c.name == name))


def begin_draft(connection: Connection, owner: str, typed: dict[str, str]) -> UUID:
    """A new draft; those that were left alone for long are gone."""
    when = datetime.now(UTC)
    old = (drafts.c.changed_at < when - DRAFTS_LAST) & drafts.c.consultation.is_(None)
    connection.execute(sa.delete(drafts).where(old))
    made = uuid4()
    connection.execute(sa.insert(drafts).values(id=made, owner=owner, typed=typed, changed_at=when))
    return made


def find_draft(connection: Connection, draft: UUID, owner: str, *, to_change: bool = False) -> Any:
    """A draft of this person; None for one of someone else. With `to_change` others wait until it was changed."""
    wanted = sa.select(drafts).where((drafts.c.id == draft) & (drafts.c.owner == owner))
    return connection.execute(wanted.with_for_update() if to_change else wanted).first()


def keep_draft(connection: Connection, draft: UUID, typed: dict[str, str]) -> None:
    """Store what is in the form now."""
    changed = sa.update(drafts).where(drafts.c.id == draft)
    connection.execute(changed.values(typed=typed, changed_at=datetime.now(UTC)))


def publish_draft(connection: Connection, draft: UUID, seen_at: datetime, consultation: str) -> bool:
    """The draft is one no more: it became a consultation. False where it was changed or published meanwhile."""
    same = (drafts.c.id == draft) & (drafts.c.changed_at == seen_at) & drafts.c.consultation.is_(None)
    changed = sa.update(drafts).where(same).values(consultation=consultation, changed_at=datetime.now(UTC))
    return connection.execute(changed).rowcount == 1


def typed_for(connection: Connection, consultation: str) -> dict[str, str] | None:
    """What a consultation was made from, where it was made here."""
    made = sa.select(drafts.c.typed).where(drafts.c.consultation == consultation)
    found: dict[str, str] | None = connection.execute(made.order_by(drafts.c.changed_at.desc())).scalar()
    return found


def drafts_of(connection: Connection, owner: str) -> list[Any]:
    """What this person is writing, the latest first."""
    open_ones = (drafts.c.owner == owner) & drafts.c.consultation.is_(None)
    return list(connection.execute(sa.select(drafts).where(open_ones).order_by(drafts.c.changed_at.desc())))
