"""What docker-compose.yml starts, without an engine: its users, its commands and its brokers' users on real servers.

The secrets are made by the script that makes them in a container. Only the hosts in them are replaced by those of the
servers here. tests/containers/ runs the file as it is, in containers.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from redis import Redis
from redis.exceptions import NoPermissionError
from ruamel.yaml import YAML
from sqlalchemy import create_engine, make_url

from jurat import Client, Outcome
from store.schema.grants import DatabaseRole
from tests.docs.pages import blocks
from tests.rigs.compose import ROOT, SERVICES, Bells, Stack, make_secrets, make_users
from tests.rigs.servers import NoServer, PostgreSQL
from tests.rigs.waiting import until

PATIENCE = 100.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the service `secrets` makes them."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    folder.mkdir()
    ran = make_secrets(folder)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def stack(made_secrets: Path) -> Iterator[Stack]:
    with contextlib.ExitStack() as left:
        try:
            postgresql = left.enter_context(
                PostgreSQL(settings={"log_statement": "all", "log_min_error_statement": "info"})
            )
            bells = left.enter_context(Bells(made_secrets / "valkey_users"))
        except NoServer as error:
            pytest.skip(str(error))
        for file in filter(Path.is_file, made_secrets.iterdir()):
            text = file.read_text("utf-8").replace("@postgresql/", f"@127.0.0.1:{postgresql.port}/")
            file.chmod(0o600)
            file.write_text(text.replace("@valkey:6379/", f"@127.0.0.1:{bells.port}/"), "utf-8")
        administrator = make_url(postgresql.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute("CREATE DATABASE jurat")
            for _ in range(2):  # once more is as once
                made = make_users(postgresql, made_secrets)
                assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
            rules = postgresql._data / "pg_hba.conf"  # as the image leaves it: whoever comes names a password
            rules.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
        stack = Stack(postgresql, bells, made_secrets)
        assert "WARNING" not in stack.run("migrate")
        stack.run("tools", "zones", "import", "examples/town/zones.geojson")
        stack.run(
            "tools", "codes", "generate", "spring", "--count", "3", "--out", str(made_secrets.parent / "codes.txt")
        )
        stack.run("tools", "config", "apply", "config/sample")
        yield stack


def test_each_service_does_its_work_with_its_own_user(stack: Stack) -> None:
    assert re.search(r"^schema +current$", stack.run("tools"), re.MULTILINE)
    stack.run("reviewer")
    stack.run("worker", "worker", "--check")
    told = stack.run("worker", "doctor")
    assert " login " not in told, "the workers' user is bound"
    log = stack.secrets.parent / "worker.log"
    with log.open("w") as stream:
        command = [ROOT / "bin" / "jurat", *SERVICES["worker"]["command"]]
        working = subprocess.Popen(
            command, cwd=ROOT, env=stack.environment("worker"), stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        client = Client(
            stack.secret("platform_database_url"), stack.secret("platform_broker_url"), stack.secret("seal_key")
        )
        engine = create_engine(make_url(stack.secret("platform_database_url")).set(drivername="postgresql+psycopg"))
        code = (stack.secrets.parent / "codes.txt").read_text().split()[0]
        with engine.begin() as connection:
            check = client.submit(
                connection, consultation="budget", participant="p-1", question="code", answer={"code": code}
            )
        client.ring()
        assert client.wait(check.id, timeout=PATIENCE).outcome == Outcome.ACCEPTED
        client.close()
        engine.dispose()
    finally:
        working.terminate()
        assert working.wait(PATIENCE) == 0, log.read_text()
    assert "Connected to redis://worker:**@" in log.read_text()
    assert "NOPERM" not in log.read_text()


def test_a_key_for_each_epoch_is_made_beside_running_workers(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As replace-a-key.md says. Workers take it from the folder, and platforms seal with it."""
    page = ROOT / "docs" / "runbooks" / "replace-a-key.md"
    install, pin = (each.text.splitlines()[-1] for each in blocks(page, "sh") if "docker" in each.text)
    places = {"/run/secrets/": f"{stack.secrets}/", "/keys/": f"{stack.secrets.parent}/keys/"}
    (stack.secrets.parent / "keys").mkdir()
    words = install.partition("--entrypoint ")[2].replace(" keys", "", 1).split()
    for inside, outside in places.items():
        words = [word.replace(inside, outside) for word in words]
    subprocess.run(words, check=True)
    ((name, value),) = re.findall(r"the line `(\w+)=(\S+)` to `.env`", page.read_text("utf-8"))
    monkeypatch.setitem(stack.env, name, value)
    signing_key = str(stack.secrets.parent / "signing_key")
    rotate = [
        word.replace("signing_key", signing_key) if word == "signing_key" else word
        for word in SERVICES["keys"]["command"]
    ]
    command = pin.partition("run --rm keys ")[2].replace("signing_key", signing_key).split()
    pinned = stack.run("keys", *command).partition("=")[2].strip()
    log = stack.secrets.parent / "epochs.log"
    with log.open("w") as stream:
        working = subprocess.Popen(
            [ROOT / "bin" / "jurat", *SERVICES["worker"]["command"]],
            cwd=ROOT,
            env=stack.environment("worker"),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        until(lambda: "1 of 1" in stack.run("keys", "keys", "status"), PATIENCE)
        made = re.search(r"^([0-9a-f]{16}) ", stack.run("keys", *rotate), re.MULTILINE)
        assert made is not None
        assert "1 of 1" in stack.run("keys", "keys", "status")
    finally:
        working.terminate()
        assert working.wait(PATIENCE) == 0, log.read_text()
    files = {file.name: file.stat().st_mode & 0o777 for file in (stack.secrets.parent / "keys").iterdir()}
    assert files == {"first": 0o640, made[1]: 0o640}, "the workers' group reads them"
    client = Client(stack.secret("platform_database_url"), seal_key=pinned)
    engine = create_engine(make_url(stack.secret("platform_database_url")).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        client.submit(connection, consultation="budget", participant="p-9", question="code", answer={"code": "x"})
    engine.dispose()
    client.close()
    with stack.psql("reader") as reader:
        found = reader.execute("SELECT answer_key FROM jurat_checks WHERE participant = 'p-9'").fetchone()
    assert found == (made[1],)
    stack.run("reviewer")


def test_the_folder_of_keys_is_written_by_one_service() -> None:
    mounted = {name: [str(each) for each in service.get("volumes", ())] for name, service in SERVICES.items()}
    of = {name: each for name, volumes in mounted.items() for each in volumes if each.startswith("keys:")}
    assert of == {"worker": "keys:/keys:ro", "reviewer": "keys:/keys:ro", "keys": "keys:/keys"}
    folders = re.findall(r"install -d .* (/.*) \\", (ROOT / "Dockerfile").read_text("utf-8"))
    assert "/keys" in folders[0].split(), "else it would be root's"


def test_the_sealer_seals_with_a_key_that_it_alone_has(stack: Stack) -> None:
    places = {"/run/secrets": str(stack.secrets), "/heads": str(stack.secrets.parent)}
    command = [str(word) for word in SERVICES["sealer"]["command"]]
    for inside, outside in places.items():
        command = [word.replace(f"{inside}/", f"{outside}/") for word in command]
    assert "no history has begun" in stack.run("sealer", *command, "--once", code=1)
    stack.run("owner", "history", "begin")
    stack.run("sealer", *command, "--once")
    key = f"{stack.secrets}/history_key.pub"
    said = stack.run("tools", "db", "verify", "--heads", command[-1], "--key", key)
    assert "0 contradictions found" in said
    assert "1 head of the history verified; 0 rows not sealed yet" in said


@pytest.mark.parametrize("part", ["worker", "admin", "reviewer", "platform", "sealer"])
@pytest.mark.parametrize(
    "attack",
    [
        "ALTER TABLE jurat_verdicts DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE TABLE mine (id int)",
        "CREATE ROLE somebody",
        "GRANT jurat_owner TO CURRENT_USER",
        "SET ROLE jurat_owner",
        "SET ROLE postgres",
        "ALTER DATABASE jurat OWNER TO CURRENT_USER",
        "DROP TABLE jurat_audit",
    ],
)
def test_no_service_is_owner_or_superuser(stack: Stack, part: str, attack: str) -> None:
    with stack.psql(part) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(attack.encode())


@pytest.mark.parametrize("attack", ["CREATE ROLE somebody", "COPY (SELECT 1) TO PROGRAM 'true'", "SET ROLE postgres"])
def test_the_owner_owns_the_tables_and_is_nothing_more(stack: Stack, attack: str) -> None:
    with stack.psql("owner") as connection:
        connection.execute("CREATE TABLE mine (id int)")
        connection.execute("DROP TABLE mine")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(attack.encode())


def test_a_wrong_password_is_refused_and_none_stands_in_a_log(stack: Stack) -> None:
    url = make_url(stack.secret("worker_database_url"))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.set(password="wrong").render_as_string(hide_password=False))
    said = stack.postgresql._log.read_text("utf-8", errors="replace")
    assert "CREATE ROLE" in said, "statements are logged here"
    for file in stack.secrets.glob("*_database_url"):
        assert str(make_url(file.read_text()).password) not in said


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://verifier:p%40ss@postgresql/jurat", "letters, digits, - and _ in PASSWORD"),
        ("postgresql://verifier@postgresql/jurat", "letters, digits, - and _ in PASSWORD"),
        ("postgresql://postgres:abc@postgresql/jurat", "names the server's administrator"),
    ],
)
def test_a_url_that_it_does_not_take_is_told(stack: Stack, tmp_path: Path, url: str, told: str) -> None:
    (tmp_path / "worker_database_url").write_text(url)
    ended = make_users(stack.postgresql, tmp_path)
    assert ended.returncode == 1
    assert told in ended.stderr
    assert "abc" not in ended.stderr


def test_who_brings_no_password_may_only_ask_whether_it_is_alive(stack: Stack) -> None:
    with Redis(port=stack.bells.port) as stranger:
        assert stranger.ping()
        for command in (("LPUSH", "checks", "x"), ("PUBLISH", "/0.celery.pidbox", "x"), ("KEYS", "*"), ("INFO",)):
            with pytest.raises(NoPermissionError):
                stranger.execute_command(*command)


@pytest.mark.parametrize(
    "command",
    [
        ("PUBLISH", "/0.celery.pidbox", "x"),
        ("LPUSH", "other", "x"),
        ("LRANGE", "checks", "0", "-1"),
        ("RPOP", "checks"),
        ("DEL", "checks"),
        ("KEYS", "*"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("MONITOR",),
        ("SUBSCRIBE", "x"),
    ],
)
def test_a_platform_rings_and_does_nothing_else(stack: Stack, command: tuple[str, ...]) -> None:
    with Redis.from_url(stack.secret("platform_broker_url")) as platform, pytest.raises(NoPermissionError):
        platform.execute_command(*command)


def test_a_platforms_bell_is_heard(stack: Stack) -> None:
    client = Client(
        stack.secret("platform_database_url"), stack.secret("platform_broker_url"), stack.secret("seal_key")
    )
    with Redis.from_url(stack.secret("broker_url")) as worker:
        worker.delete("checks.spring", "checks")
        engine = create_engine(make_url(stack.secret("platform_database_url")).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            client.submit(
                connection, consultation="budget", participant="p-2", question="code", answer={"code": "AAAA-BBBB-CCCC"}
            )
        client.ring()
        end = time.monotonic() + PATIENCE
        while not worker.llen("checks.spring"):
            assert time.monotonic() < end, "no bell came"
            time.sleep(0.02)
        worker.lpush("checks.spring", *["a bell that nobody heard"] * 10)
        with engine.begin() as connection:
            client.submit(
                connection, consultation="budget", participant="p-3", question="code", answer={"code": "AAAA-BBBB-CCCC"}
            )
        client.ring()
        while worker.llen("checks.spring") != 1:
            assert time.monotonic() < end, "a platform may take away what it rang before"
            time.sleep(0.02)
        engine.dispose()
    client.close()


def test_the_platform_erases_by_its_second_user_alone(stack: Stack) -> None:
    erases = "SELECT jurat_erase('p-99')"
    with stack.psql("platform") as platform, pytest.raises(psycopg.errors.InsufficientPrivilege):
        platform.execute(erases)
    with stack.psql("accounts") as accounts:
        assert accounts.execute(erases).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            accounts.execute("SELECT participant FROM jurat_results")


def test_the_script_of_users_makes_the_roles_that_are_granted_rights() -> None:
    script = (ROOT / "compose" / "users.sh").read_text("utf-8")
    made = re.findall(r"unnest\('\{(.*)\}'::text\[\]\)", script)
    assert [names.split(", ") for names in made] == [list(DatabaseRole)]
    parts = re.findall(r"^ +([\w |]+)\) role=jurat_\$part", script, re.MULTILINE)
    assert {f"jurat_{part}" for line in parts for part in line.split(" | ")} == set(DatabaseRole)


def test_no_service_has_a_secret_of_another_one() -> None:
    given = {name: set(service.get("secrets", ())) for name, service in SERVICES.items()}
    assert given["migrate"] == {"owner_database_url"}
    assert given["worker"] == {"worker_database_url", "broker_url", "unseal_keys", "hash_keys", "seal_key"}
    assert given["tools"] == {"admin_database_url", "broker_url", "hash_keys", "seal_key"}
    assert given["platform"] == {"platform_database_url", "platform_broker_url", "seal_key"}
    assert given["secrets"] == set()
    assert given["exporter"] == {"reader_database_url"}
    assert given["sealer"] == {"sealer_database_url", "history_key"}
    assert {name for name, secrets in given.items() if "history_key" in secrets} == {"sealer"}
    assert given["reviewer"] == {"reviewer_database_url", "unseal_keys"}
    assert given["keys"] == {"admin_database_url", "unseal_keys", "hash_keys"}
    assert {name for name, secrets in given.items() if "superuser_password" in secrets} == {"postgresql"}
    for name in ("migrate", "worker", "tools", "reviewer", "platform", "secrets", "exporter", "sealer"):
        assert SERVICES[name]["ulimits"] == {"core": 0}
    systemd = (ROOT / "docs" / "operators" / "run-workers.md").read_text("utf-8")
    assert "LimitCORE=0" in systemd


def test_secrets_that_are_there_stay(made_secrets: Path, tmp_path: Path) -> None:
    assert make_secrets(tmp_path, "web").returncode == 0
    before = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir() if file.is_file()}
    (tmp_path / "broker_url").unlink()
    assert make_secrets(tmp_path).returncode == 0
    after = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir() if file.is_file()}
    assert {name for name in before if before[name] != after[name]} == {"broker_url", "valkey_users"}
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir() if file.is_file()} == {0o444}


def test_a_key_that_is_missing_is_not_replaced(tmp_path: Path) -> None:
    assert make_secrets(tmp_path).returncode == 0
    (tmp_path / "hash_keys").unlink()
    ended = make_secrets(tmp_path)
    assert ended.returncode == 1
    assert "hash_keys is missing" in ended.stderr
    assert not (tmp_path / "hash_keys").exists()


def test_no_image_of_ours_comes_from_a_registry() -> None:
    """One of that name would be a stranger's."""
    files = (ROOT / "docker-compose.yml", ROOT / "examples" / "platform" / "compose.yml")
    services = [each for file in files for each in YAML(typ="safe").load(file.read_text("utf-8"))["services"].values()]
    ours = [each for each in services if str(each.get("image", "")).startswith(("jurat", "valmont"))]
    assert len(ours) > 8
    for each in ours:
        assert each["pull_policy"] == ("build" if "build" in each else "never")


def test_each_image_of_others_can_be_pinned_without_a_change_to_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    services = YAML(typ="safe").load(text)["services"]
    others = {each["image"] for each in services.values() if not each["image"].startswith("jurat")}
    bases = {each["build"]["args"]["BASE"] for each in services.values() if "build" in each}
    for image in others | bases:
        name = re.fullmatch(r"\$\{(JURAT_\w+_IMAGE):-[\w/.-]+:[\w.-]+\}", image)
        assert name, image
        assert f"`{name[1]}`" in (ROOT / "docs" / "reference" / "environment.md").read_text("utf-8")
    assert len(others | bases) == 3
