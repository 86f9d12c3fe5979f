"""Django's and Rails' own tools on a database with our tables, as docs/operators/live-in-one-database.md tells them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import make_url

from jurat.seal import generate, key_to_text
from tests.docs.pages import block
from tests.docs.test_live_in_one_database import CONNECT, PAGE, schemas, with_path
from tests.examples.stacks.conftest import missing
from tests.examples.stacks.runtimes import PYTHON, ROOT, lacking
from tests.rigs.logins import plain
from tests.rigs.servers import Databases, postgresql_bindir

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(300)]

SETTINGS = """\
import os
SECRET_KEY = "none"
DATABASES = {{"default": {database}}}
INSTALLED_APPS = ["survey"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
{more}
"""
MODELS = """\
from django.db import models

class Answer(models.Model):
    check_id = models.UUIDField()
"""
TESTS = """\
import os

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from jurat import Client
from survey.models import Answer

client = Client(seal_key=os.environ["JURAT_SEAL_KEY"])

def confirm(participant):
    with transaction.atomic():
        check = client.submit(
            connection, consultation="budget", participant=participant, question="residence", answer={"street": "x"}
        )
        Answer.objects.create(check_id=check.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM jurat_results WHERE check_id = %s", [str(check.id)])
        return cursor.fetchone()[0]

class RolledBack(TestCase):
    def test_one(self):
        self.assertEqual(confirm("p-1"), "pending")
    def test_two(self):
        self.assertEqual(confirm("p-1"), "pending")

class Committed(TransactionTestCase):
    def test_one(self):
        self.assertEqual(confirm("p-2"), "pending")
    def test_two(self):
        self.assertEqual(Answer.objects.count(), 0)
        self.assertEqual(confirm("p-3"), "pending")
"""


class Project:
    """A platform in Django on a database, with one table of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        if reason := lacking("django"):
            missing(reason)
        self.folder, self.url = folder, url
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "settings"}
        (folder / "survey" / "migrations").mkdir(parents=True)
        (folder / "survey" / "__init__.py").touch()
        (folder / "survey" / "migrations" / "__init__.py").touch()
        (folder / "survey" / "models.py").write_text(MODELS, "utf-8")
        self.set()

    def set(self, more: str = "") -> None:
        place = make_url(self.url)
        database: dict[str, object] = {"ENGINE": "django.db.backends.sqlite3", "NAME": place.database}
        if place.get_backend_name() == "postgresql":
            database = {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": place.database,
                "USER": place.username,
                "HOST": place.host,
                "PORT": place.port,
            }
        (self.folder / "settings.py").write_text(SETTINGS.format(database=database, more=more), "utf-8")

    def manage(self, *words: str, **environment: str) -> str:
        """What `manage.py` says."""
        ran = subprocess.run(
            [PYTHON, "-m", "django", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
        return ran.stdout + ran.stderr


def jurat(url: str, *words: str) -> None:
    """A command of the clone."""
    environment = {**os.environ, "JURAT_DATABASE_URL": url, "JURAT_BROKER_URL": "none", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "jurat.yaml"
    file.write_text(block(CONNECT, "yaml"), "utf-8")
    return file


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Project:
    folder = tmp_path / "platform"
    folder.mkdir()
    return Project(folder, database_url)


def test_django_makes_and_runs_migrations_as_if_our_tables_were_not_there(project: Project) -> None:
    project.manage("makemigrations", "survey")
    (written,) = (project.folder / "survey" / "migrations").glob("0*.py")
    assert re.findall(r"migrations\.([A-Z]\w+)\(", written.read_text("utf-8").partition("operations")[2]) == [
        "CreateModel"
    ]
    project.manage("migrate")
    project.manage("makemigrations", "--check")
    project.manage("migrate", "survey", "zero")
    jurat(project.url, "db", "check")
    project.manage("migrate")
    project.manage("flush", "--no-input")
    jurat(project.url, "db", "check")


def test_what_inspectdb_makes_of_our_tables_is_managed_by_nobody(project: Project) -> None:
    models = project.manage("inspectdb")
    assert "class JuratChecks(models.Model):" in models
    managed = re.findall(r"^        managed = (\w+)$", models, re.MULTILINE)
    assert managed == ["False"] * models.count("class Meta:")
    project.manage("makemigrations", "survey")
    project.manage("migrate")
    assert "Jurat" not in project.manage("inspectdb", "survey_answer")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_djangos_test_database_is_copied_from_one_that_has_our_tables(
    project: Project, postgresql_server: Databases, configuration: Path
) -> None:
    template = postgresql_server.create()
    for words in re.findall(r"^bin/jurat (.*?) *(?:#.*)?$", block(PAGE, "sh", "createdb"), re.MULTILINE):
        jurat(template, *words.replace("jurat.yaml", str(configuration)).split())
    name = str(make_url(template).database)
    project.set(block(PAGE, "python", "TEMPLATE").replace("valmont_template", name))
    (project.folder / "survey" / "tests.py").write_text(TESTS, "utf-8")
    project.manage("makemigrations", "survey")
    said = project.manage("test", JURAT_SEAL_KEY=key_to_text(generate()[1]))
    assert "Ran 4 tests" in said
    postgresql_server.drop(template)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_runner_brings_djangos_test_database_up(project: Project, configuration: Path, tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    project.set(
        f'DATABASES["default"]["TEST"] = {{"NAME": {str(file)!r}}}\nTEST_RUNNER = "survey.tests.Runner"\n'
        'DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 5}'
    )
    (project.folder / "survey" / "tests.py").write_text(block(PAGE, "python", "Runner") + TESTS, "utf-8")
    project.manage("makemigrations", "survey")
    own = {"JURAT": str(ROOT / "bin" / "jurat"), "JURAT_CONFIGURATION": str(configuration), "JURAT_BROKER_URL": "none"}
    said = project.manage("test", JURAT_SEAL_KEY=key_to_text(generate()[1]), **own)
    assert "Ran 4 tests" in said


# -- Rails

CONNECTED = """\
require "active_record"
ActiveRecord::Base.establish_connection(ENV.fetch("DATABASE_URL"))
%s
"""
DUMP = """
base = ActiveRecord::Base
base.connection.create_table(:survey_answers) { |table| table.uuid :check_id, null: false }
from = ActiveRecord.version >= Gem::Version.new("7.2") ? base.connection_pool : base.connection
File.open("schema.rb", "w") { |file| ActiveRecord::SchemaDumper.dump(from, file) }
given = ActiveRecord::DatabaseConfigurations::UrlConfig.new("test", "primary", ENV.fetch("DATABASE_URL"), {})
ActiveRecord::Tasks::DatabaseTasks.structure_dump(given, "structure.sql")
"""
LOAD = """
load "./schema.rb"
"""


def ruby(folder: Path, script: str, url: str, advice: str) -> None:
    """Run a script that is connected to a database, after what the page tells to set."""
    place = make_url(url).set(drivername="postgresql", query={})
    environment = {"DATABASE_URL": place.render_as_string(hide_password=False), "LC_ALL": "C.UTF-8"}
    path = f"{postgresql_bindir()}{os.pathsep}{os.environ['PATH']}"  # a pg_dump that knows this server
    ran = subprocess.run(
        ["ruby", "-e", CONNECTED % advice + script],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.fixture
def rails(tmp_path: Path) -> Mapping[str, str]:
    if reason := lacking("rails"):
        missing(reason)
    return {"ignore": block(PAGE, "ruby", "ignore_tables"), "schema": block(PAGE, "ruby", "dump_schemas")}


@pytest.fixture
def loaded_url(postgresql_server: Databases) -> Iterator[str]:
    """A database for tests of the platform, made from its schema."""
    url = postgresql_server.create()
    yield url
    postgresql_server.drop(url)


def test_rails_dumps_its_own_tables_alone_and_ours_come_to_what_is_made_of_it(
    rails: Mapping[str, str], postgresql_url: str, loaded_url: str, tmp_path: Path
) -> None:
    ruby(tmp_path, DUMP.partition("given =")[0], postgresql_url, "")
    assert "jurat_checks" in (tmp_path / "schema.rb").read_text("utf-8"), "without the page's line"
    with plain(postgresql_url) as connection:
        connection.execute("DROP TABLE survey_answers")
    ruby(tmp_path, DUMP, postgresql_url, rails["ignore"])
    dumped = (tmp_path / "schema.rb").read_text("utf-8")
    assert re.findall(r'create_table "(\w+)"', dumped) == ["survey_answers"]
    assert "jurat" not in dumped
    ruby(tmp_path, LOAD, loaded_url, rails["ignore"])
    jurat(loaded_url, "db", "upgrade")
    structure = (tmp_path / "structure.sql").read_text("utf-8")
    assert "CREATE TABLE public.jurat" not in structure
    assert "CREATE FUNCTION public.jurat_submit" in structure, "so the page says what else to do"


def test_rails_dumps_nothing_of_a_schema_of_our_own(
    rails: Mapping[str, str], postgresql_server: Databases, tmp_path: Path
) -> None:
    url = postgresql_server.create()
    with plain(url) as connection:
        connection.execute("CREATE SCHEMA jurat")
    jurat(with_path(url, "jurat"), "db", "upgrade")
    assert schemas(url) == {"jurat"}
    ruby(tmp_path, DUMP, url, rails["ignore"] + rails["schema"])
    structure = (tmp_path / "structure.sql").read_text("utf-8")
    assert "CREATE TABLE public.survey_answers" in structure
    assert "jurat" not in structure
    postgresql_server.drop(url)
