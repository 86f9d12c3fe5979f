"""What any test may ask for: databases on both engines, real servers, the data beside the repository."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from redis import Redis

from tests.rigs.browsers import browse, chromium
from tests.rigs.keyboard import pytest_terminal_summary
from tests.rigs.memory import memory
from tests.rigs.pgbouncer import PgBouncer
from tests.rigs.servers import Databases, NoServer, PostgreSQL, Valkey

__all__ = ["browse", "chromium", "pytest_terminal_summary"]

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
"""For tests of what is alike on both: `make test` runs them on SQLite, `make test-all` on PostgreSQL as well. A test of
what may differ there asks for PostgreSQL by name."""
TIERS = (
    *(f"tests/{name}/" for name in ("acceptance", "bench", "migrations", "release")),
    *(f"tests/cli/commands/test_{name}.py" for name in ("drift", "rosters", "zone_changes", "zone_views", "zones")),
    *(f"tests/console/test_{name}.py" for name in ("address_imports", "configuration", "editor", "every_page")),
    *("tests/console/identity/test_oidc.py", "tests/console/test_list_imports.py"),
    *("tests/adapters/address/base/test_examination.py", "tests/adapters/zone_import/test_files.py"),
    *(f"tests/adapters/registry_tests/test_{name}.py" for name in ("apart", "examination")),
    *("tests/test_advice.py", "tests/worker/test_what_is_loaded.py"),
)
"""Folders and files of tests that only `make test-all` runs: tiers above the others, and what takes long as a whole."""
ELSEWHERE = tuple(f"tests/{name}/" for name in ("console/browser", "containers", "examples/platform/browser"))
"""Folders of tests that have a target of their own."""
IN_CI = os.environ.get("CI") == "true"

# CI repeats the same examples each time, so that a red run is the change's own doing; at home new ones are looked for.
# `make test-properties` looks further. A slow machine is no fault in either.
settings.register_profile(
    "quick", deadline=None, max_examples=20, derandomize=IN_CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "quick")


def pytest_configure() -> None:
    """An operator's own settings must not reach the tests, nor the processes that they start.

    What they write goes to memory, if there is room: a commit of SQLite waits for the disk, and there are thousands.
    """
    for name in list(os.environ):
        if name.startswith(("JURAT_", "OTEL_")) and not name.startswith("JURAT_TEST_"):
            del os.environ[name]
    if "TMPDIR" not in os.environ and (folder := memory()):
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`make test` and `make test-all` do not load what they leave out as a whole: each of their processes would take
    seconds for that.
    """
    tests = config.option.markexpr
    left_out = (TIERS if tests.startswith("not slow") else ()) + (ELSEWHERE if "not browser" in tests else ())
    name = collection_path.relative_to(ROOT).as_posix() + "/" * collection_path.is_dir()
    return name.startswith(left_out) or None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name no test: packed ones have the second in which they were made, and processes would collect others."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Ten thousand tests are made here and none goes before the end: to search them for garbage took half the time.

    Nor are they searched again while the tests run, and what these leave behind only now and then.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """In a fresh clone one process of a run compiles a file, and the others find it done: each would take it on."""
    if not isinstance(collector, pytest.Module):
        return (yield)
    with collector.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in `TIERS`. Tests of a minute begin first: at the end one process would work on the last of them,
    and the others wait.
    """
    for item in items:
        if item.nodeid.startswith(TIERS):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def missing(reason: str) -> NoReturn:
    """Something that this machine has not. CI must have it."""
    if IN_CI:
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Databases]:
    """A PostgreSQL server for the whole run: `.create()` makes an empty database, `.url` is for maintenance.

    Not for faults: a test that kills its server starts a `PostgreSQL` of its own.
    """
    if url := os.environ.get("JURAT_TEST_POSTGRESQL_URL"):
        with Databases(url) as databases:
            yield databases
            databases.drop_all()
        return
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(PostgreSQL(place=memory()))
        except NoServer as error:
            missing(f"{error}, or set JURAT_TEST_POSTGRESQL_URL")
        yield stack.enter_context(server.databases)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """URL of a Valkey server for the whole run. Not for faults, as above."""
    if url := os.environ.get("JURAT_TEST_VALKEY_URL"):
        yield url
        return
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Valkey())
        except NoServer as error:
            missing(f"{error}, or set JURAT_TEST_VALKEY_URL")
        yield server.url


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """URL of an empty broker."""
    with Redis.from_url(valkey_server) as connection:
        connection.flushdb()
    return valkey_server


def _migrate(url: str) -> None:
    from jurat.database import open_engine
    from store.schema.migrations import upgrade

    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def _migrated_postgresql(postgresql_server: Databases) -> str:
    template = postgresql_server.create()
    _migrate(template)
    return template


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{template}")
    return template


@pytest.fixture
def postgresql_url(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database with our tables, the test's own."""
    url = postgresql_server.create(template=_migrated_postgresql)
    yield url
    postgresql_server.drop(url)


@pytest.fixture
def pooled_url(postgresql_url: str) -> Iterator[str]:
    """The same database through PgBouncer in transaction mode, with a single connection for everybody."""
    try:
        pooler = PgBouncer(postgresql_url)
    except NoServer as error:
        missing(str(error))
    with pooler:
        yield pooler.through(postgresql_url)


@pytest.fixture
def sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """SQLAlchemy URL of an empty SQLite database with our tables, the test's own."""
    return copy_of(_migrated_sqlite, tmp_path / "jurat.db")


def copy_of(template: Path, path: Path) -> str:
    """Copies a SQLite database that nobody has open. Returns the URL of the new one."""
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """Either of the two above: a test that asks for it runs on both engines."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; skips the test where there is none."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs ../shared, the real data that is not part of the repository")
    return folder
