"""Each part is run as its manifest says, with the rights that it has in a cluster, and asked as a kubelet asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from jurat.seal import generate, key_to_text
from store.schema.grants import DatabaseRole
from tests.conftest import missing
from tests.deploy.manifests import ROOT, Part, build, entry_point, parts
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import NoServer, PostgreSQL, Server, Valkey, free_port
from tests.rigs.waiting import until
from worker.metrics.endpoints import Probe

pytestmark = [pytest.mark.slow, pytest.mark.acceptance]

PARTS = ("migrate", "worker", "exporter")
CONFIGURATION = """
environment: test
sources: { people: { type: simulated } }
criteria: { known: { source: people } }
consultations: { budget: { questions: { name: { criterion: known } } } }
"""


class Pod(Server):
    """The process of a part, with its variables; only the folders of secrets and the port are others."""

    def __init__(self, part: Part, secrets: Path) -> None:
        self.name = part.name
        super().__init__()
        self._part, self._secrets = part, secrets

    def ask(self, kind: str) -> int:
        """The status that a probe gets, 0 where nobody answers."""
        path = self._part.container[kind]["httpGet"]["path"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8")

    def wait(self) -> int:
        """How it ends by itself."""
        assert self._process is not None
        return self._process.wait(100)

    def _command(self) -> list[str]:
        program, *words = entry_point()
        assert program == "python"
        return [sys.executable, *words, *self._part.container["args"]]

    def _environment(self) -> dict[str, str]:
        given = dict(self._part.variables)
        for folder, secret in self._part.mounts.items():
            place = str(self._secrets / secret)
            given = {name: value.replace(folder, place) for name, value in given.items()}
        for folder in self._part.kept:
            given = {name: value.replace(folder, str(self.folder)) for name, value in given.items()}
        if "JURAT_LISTEN" in given:
            given["JURAT_LISTEN"] = f":{self.port}"
        return {**super()._environment(), "PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder), **given}

    def _answers(self) -> bool:
        return "startupProbe" not in self._part.container or self.ask("startupProbe") == 200


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The secrets as they are mounted: a folder each, with the keys that the manifest reads."""
    folder = tmp_path_factory.mktemp("secrets")
    try:
        postgresql, valkey = PostgreSQL(), Valkey()
    except NoServer as error:
        missing(str(error))
    with postgresql, valkey:
        url = postgresql.databases.create()
        logins = Logins(url)
        owner = logins.url()
        with plain(url) as connection:
            for role in DatabaseRole:
                connection.execute(f"CREATE ROLE {role} NOLOGIN".encode())
            names = make_url(url).database, make_url(owner).username
            connection.execute("ALTER DATABASE {} OWNER TO {}".format(*names).encode())
        private, public = map(key_to_text, generate())
        values = {
            "broker_url": valkey.url,
            "unseal_keys": private,
            "seal_key": public,
            "hash_keys": key_to_text(os.urandom(32)),
        }
        (folder / "admin_database_url").write_text(logins.url(DatabaseRole.ADMIN), "utf-8")
        users = {
            "migrate": owner,
            "worker": logins.url(DatabaseRole.WORKER),
            "exporter": logins.url(DatabaseRole.READER),
        }
        for part in parts(build("production")):
            for name in part.mounts.values():
                (folder / name).mkdir()
            for name, keys in part.read_secrets.items():
                for key in keys:
                    value = users[part.name] if key == "database_url" else values[key]
                    (folder / name / key).write_text(value, "utf-8")
        yield folder


@pytest.fixture(scope="module")
def pods(secrets: Path) -> Iterator[dict[str, Pod]]:
    """All parts. A cluster starts them at once, so workers may find an empty database."""
    made = {part.name: Pod(part, secrets) for part in parts(build("production"))}
    assert set(made) == set(PARTS)
    try:
        made["worker"].start()
        made["exporter"].start()
        assert made["worker"].ask("readinessProbe") == made["exporter"].ask("readinessProbe") == 503
        made["migrate"].start()
        assert made["migrate"].wait() == 0, made["migrate"].said
        yield made
    finally:
        for pod in made.values():
            pod.close()


@pytest.fixture(scope="module")
def configured(pods: dict[str, Pod], secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With a configuration, which an administrator applies from elsewhere."""
    file = tmp_path_factory.mktemp("configuration") / "jurat.yaml"
    file.write_text(CONFIGURATION, "utf-8")
    given = {"JURAT_DATABASE_URL_FILE": str(secrets / "admin_database_url"), "PYTHONPATH": str(ROOT)}
    applied = subprocess.run(
        [sys.executable, *entry_point()[1:], "config", "apply", str(file)],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("name", ["worker", "exporter"])
def test_a_pod_answers_its_probes(pods: dict[str, Pod], name: str) -> None:
    assert [pods[name].ask(kind) for kind in ("startupProbe", "livenessProbe")] == [200, 200]
    assert until(lambda: pods[name].ask("readinessProbe") == 200, 30), pods[name].said


def test_paths_are_all_that_health_has(pods: dict[str, Pod]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{pods['worker'].port}/healthz", timeout=5)
    said = refused.value.read().decode()
    assert all(f"/{probe}" in said for probe in Probe)


def test_a_worker_that_starts_without_the_database_is_not_restarted(secrets: Path, tmp_path: Path) -> None:
    shutil.copytree(secrets, tmp_path, dirs_exist_ok=True)
    (part,) = (part for part in parts(build("production")) if part.name == "worker")
    file = tmp_path / "jurat-worker" / "database_url"
    file.write_text(make_url(file.read_text("utf-8")).set(port=free_port()).render_as_string(hide_password=False))
    with Pod(part, tmp_path) as pod:
        assert [pod.ask(kind) for kind in ("startupProbe", "livenessProbe", "readinessProbe")] == [200, 200, 503]


def test_a_worker_ends_by_itself_within_its_grace(pods: dict[str, Pod]) -> None:
    (part,) = (part for part in parts(build("production")) if part.name == "worker")
    pods["worker"].stop(part.pod["terminationGracePeriodSeconds"])
    assert "Traceback" not in pods["worker"].said
