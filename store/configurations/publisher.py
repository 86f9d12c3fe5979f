"""Publishes the administrators' configuration, with an audit row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config.configuration import Configuration
from config.digest import digest_of
from jurat.database import is_too_much, reader, state_of
from jurat.statements import rows_json
from store import restored
from store.configurations.consultations import Unpublishable, with_published
from store.configurations.documents import same_document
from store.configurations.orphans import Orphans, end_orphans, orphans_of, sentence_about
from store.configurations.questions import replace_questions, terms_versions
from store.configurations.turn import take_turn
from store.datasets.narrow_zones import narrow_zones
from store.dialects import dialect_of
from store.queries import Queries
from store.verdicts.access import AccessRows
from store.verdicts.records import add_audit_row


class AppliedMeanwhile(Unpublishable):
    """Somebody else has applied a configuration since the one that this was made from."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What `apply` would do: the version that it would return, whether that is new, and the digest of it.

    `orphans` are the checks that would lose their source or question.
    """

    version: int
    changed: bool
    digest: str
    orphans: Sequence[Orphans]


class ConfigPublisher:
    """Publishes configurations. Each is one transaction: an error changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)

    def apply(
        self, configuration: Configuration, who: str, *, force: bool = False, after: int | None = None
    ) -> tuple[int, bool]:
        """Store a configuration as the next version, with the consultations that platforms published; its number, and
        whether it differs from the one before.

        With `force`, checks that lose their source or question end `configuration_missing`. `after` is the version that
        this one was made from, 0 for none: what others applied since then is not overwritten.

        Raises Unpublishable with the obstacles; AppliedMeanwhile.
        """
        self._refuse_narrow_zones(configuration)
        try:
            return self._apply(configuration, who, force=force, after=after)
        except DBAPIError as error:
            if not is_too_much(error):
                raise
            raise Unpublishable(
                f"the database cannot store this configuration ({state_of(error)}): it is too large, or took too "
                "long; nothing was changed. Shorten its texts, or withdraw consultations of the platform that are "
                "over: bin/jurat config withdraw NAME"
            ) from error

    def _refuse_narrow_zones(self, configuration: Configuration) -> None:
        names = {question.zone for question in configuration.questions.values() if question.zone}
        contents = {name: zone.geometry for name, zone in Queries(self._engine).zones(names).items()} if names else {}
        if said := list(narrow_zones(configuration, contents)):
            raise Unpublishable("\n".join(said))

    def _apply(self, configuration: Configuration, who: str, *, force: bool, after: int | None) -> tuple[int, bool]:
        with self._engine.begin() as connection:
            take_turn(connection, wait=True)
            configuration = with_published(connection, configuration)
            last = connection.execute(text("SELECT max(version) FROM jurat_configs")).scalar()
            document = configuration.to_json()
            if last and same_document(connection, last, document):
                return last, False
            if after is not None:
                _require_latest(connection, after)
            orphans = orphans_of(connection, configuration)
            if orphans and not force:
                raise Unpublishable(sentence_about(orphans))
            before, versions = AccessRows().newest(connection), terms_versions(connection)
            version, digest = (last or 0) + 1, digest_of(document)
            connection.execute(
                text(
                    "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) VALUES "
                    f"(:version, :digest, {self._dialect.parameter('document', 'jsonb')}, :who, {self._dialect.now()})"
                ),
                {"version": version, "digest": digest, "document": document, "who": who},
            )
            replace_questions(connection, configuration, version, before, versions)
            self._publish_choices(connection, configuration, version)
            if restored.awaits_confirmation(connection):
                restored.pause_sources(connection, who)
            if orphans:
                end_orphans(connection, orphans, AccessRows())
            add_audit_row(connection, who, "config apply", f"version {version}", {"digest": digest})
        return version, True

    def predict(self, configuration: Configuration, after: int | None = None) -> Prediction:
        """What `apply` would do now. Raises as it does, but for what `force` overcomes."""
        with reader(self._engine).begin() as connection:
            whole = with_published(connection, configuration)
            last = connection.execute(text("SELECT max(version) FROM jurat_configs")).scalar()
            document = whole.to_json()
            if last and same_document(connection, last, document):
                return Prediction(last, changed=False, digest=digest_of(document), orphans=())
            if after is not None:
                _require_latest(connection, after)
            orphans = orphans_of(connection, whole)
        return Prediction((last or 0) + 1, changed=True, digest=digest_of(document), orphans=orphans)

    def _publish_choices(self, connection: Connection, configuration: Configuration, version: int) -> None:
        """Replace the criteria that a platform may choose from, and make sure that each source has a row."""
        connection.execute(text("DELETE FROM jurat_criteria"))
        rows = [
            {**asdict(choice), "fields": choice.fields, "config_version": version} for choice in configuration.choices
        ]
        columns = (
            "name text, kind text, sources jsonb, open jsonb, answer_schema jsonb, fields jsonb, config_version int"
        )
        names = ", ".join(column.split()[0] for column in columns.split(", "))
        sql = f"INSERT INTO jurat_criteria ({names}) SELECT {names} FROM {self._dialect.rowset(columns)} WHERE true"
        connection.execute(text(sql), {"rows": rows_json(rows)})
        sql = f"""
            INSERT INTO jurat_sources (name) SELECT r.name FROM {self._dialect.rowset("name text")} WHERE true
            ON CONFLICT (name) DO NOTHING"""
        connection.execute(text(sql), {"rows": rows_json([{"name": name} for name in configuration.sources])})
        # Its tests may know the answers now, and its shadow is another; what follows says it again.
        lock = self._dialect.row_lock("FOR UPDATE")
        drifted = f"SELECT name FROM jurat_sources WHERE drift IS NOT NULL OR shadow IS NOT NULL ORDER BY name {lock}"
        connection.execute(text(f"UPDATE jurat_sources SET drift = NULL, shadow = NULL WHERE name IN ({drifted})"))


def _require_latest(connection: Connection, after: int) -> None:
    """Raise AppliedMeanwhile if an administrator applied a version after this one. What platforms publish by
    themselves is kept anyway. Of a database that was restored, the version may be gone.
    """
    sql = """
        SELECT max(version), max(CASE WHEN change IS NULL THEN version END) FROM jurat_configs"""
    newest, applied = connection.execute(text(sql)).one()
    if (newest or 0) < after:
        raise AppliedMeanwhile(f"version {after}, from which this one was made, is no longer there")
    if (applied or 0) > after:
        raise AppliedMeanwhile(f"version {applied} was applied meanwhile, and this one was made from version {after}")
