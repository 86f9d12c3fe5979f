"""Publishes the administrators' configuration, with an audit row."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config.configuration import Configuration, digest_of
from jurat.database import is_too_much, state_of
from jurat.statements import now, rows_json, rowset
from store.configurations.applied_config import says
from store.configurations.config_versions import take_turn
from store.configurations.consultations import Unpublishable, with_published
from store.configurations.orphans import end_orphans, orphans_of, sentence_about
from store.configurations.questions import replace_questions, since
from store.verdicts.access import AccessRows
from store.verdicts.records import add_audit_row


class ConfigPublisher:
    """Publishes configurations. Each is one transaction: an error changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name

    def apply(self, configuration: Configuration, who: str, *, force: bool = False) -> tuple[int, bool]:
        """Store a configuration as the next version, with the consultations that platforms published beside it; its
        number, and whether it differs from the one before.

        With `force`, checks that lose their source or question end `configuration_missing`.

        Raises Unpublishable with what stands in the way.
        """
        try:
            return self._apply(configuration, who, force=force)
        except DBAPIError as error:
            if not is_too_much(error):
                raise
            raise Unpublishable(
                f"the database does not hold this configuration ({state_of(error)}): it is too large, or took too "
                "long; nothing was changed. Shorten its texts, or withdraw consultations of the platform that are "
                "over: bin/jurat config withdraw NAME"
            ) from error

    def _apply(self, configuration: Configuration, who: str, *, force: bool) -> tuple[int, bool]:
        with self._engine.begin() as connection:
            take_turn(connection, wait=True)
            configuration = with_published(connection, configuration)
            last = self._last(connection)
            written = configuration.to_json()
            if last and says(connection, last[0], written):
                return last[0], False
            orphans = orphans_of(connection, configuration)
            if orphans and not force:
                raise Unpublishable(sentence_about(orphans))
            before, began = AccessRows().newest(connection), since(connection)
            version = self._store(connection, written, (last[0] if last else 0) + 1, who)
            replace_questions(connection, configuration, version, before, began)
            self._publish_choices(connection, configuration, version)
            if orphans:
                end_orphans(connection, orphans, AccessRows())
            add_audit_row(connection, who, "config apply", f"version {version}", {"digest": digest_of(written)})
        return version, True

    def whole(self, configuration: Configuration) -> Configuration:
        """What `apply` would store: the configuration with the consultations that platforms published.

        Raises Unpublishable with what of it stands in their way.
        """
        with self._engine.begin() as connection:
            return with_published(connection, configuration)

    def _store(self, connection: Connection, written: str, version: int, who: str) -> int:
        """Store a configuration as `Configuration.to_json` wrote it; its number."""
        document = "CAST(:document AS jsonb)" if self._dialect == "postgresql" else ":document"
        connection.execute(
            text(
                "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at) "
                f"VALUES (:version, :digest, {document}, :who, {now(self._dialect)})"
            ),
            {"version": version, "digest": digest_of(written), "document": written, "who": who},
        )
        return version

    def _last(self, connection: Connection) -> tuple[int, str] | None:
        row = connection.execute(
            text("SELECT version, digest FROM jurat_configs ORDER BY version DESC LIMIT 1")
        ).first()
        return (row[0], row[1]) if row else None

    def _publish_choices(self, connection: Connection, configuration: Configuration, version: int) -> None:
        """Replace the criteria that a platform may choose from, and have a row for each source."""
        connection.execute(text("DELETE FROM jurat_criteria"))
        rows = [
            {
                "name": choice.name,
                "kind": choice.kind,
                "sources": choice.sources,
                "open": choice.open,
                "answer_schema": choice.answer_schema,
                "fields": choice.fields,
                "config_version": version,
            }
            for choice in configuration.choices
        ]
        connection.execute(text(_add_criteria(self._dialect)), {"rows": rows_json(rows)})
        names = rows_json([{"name": name} for name in configuration.sources])
        connection.execute(text(_add_sources(self._dialect)), {"rows": names})


@lru_cache
def _add_criteria(dialect: str) -> str:
    columns = "name text, kind text, sources jsonb, open jsonb, answer_schema jsonb, fields jsonb, config_version int"
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    values = ", ".join(f"r.{name}" for name in names.split(", "))
    return f"INSERT INTO jurat_criteria ({names}) SELECT {values} FROM {rowset(dialect, columns)} WHERE true"


@lru_cache
def _add_sources(dialect: str) -> str:
    return f"""
        INSERT INTO jurat_sources (name) SELECT r.name FROM {rowset(dialect, "name text")} WHERE true
        ON CONFLICT (name) DO NOTHING"""
