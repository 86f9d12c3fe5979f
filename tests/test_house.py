"""The house itself: names, locks, layers, the wheel, the launcher, the compose file."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("adapters", "cli", "config", "console", "jurat", "pages", "store", "tasks", "worker")
OUR_NAMES = (*FLOORS, "bench", "examples", "migrations", "release", "tests")
LONGEST, LONGEST_PRODUCT, LONGEST_FUNCTION = 450, 400, 60
VAGUE = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

# Written so that this file does not contain what it looks for.
REGISTRIES = re.compile(r"py[p]i[.]org|python[h]osted[.]|registry[.]np[m]js|deb[.]deb[i]an|proxy[.]go[l]ang")
MACHINE_PATHS = re.compile(r"(?<![\w.}$])/(?:wor[k]|far[m]|roo[t]|hom[e]/\w+)/")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def our_files() -> list[Path]:
    """What is or would be committed."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if listed.returncode:
        pytest.skip(f"git does not list the files here: {listed.stderr.strip()}")
    return sorted({ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()})


# ------------------------------------------------------------------------------------------------------------- names


def test_no_other_distribution_owns_one_of_our_names() -> None:
    """A regular package of that name in site-packages would win over our folders without `__init__.py`."""
    owners = importlib.metadata.packages_distributions()
    assert {name: owners[name] for name in OUR_NAMES if name in owners} == {}


@pytest.mark.parametrize("name", FLOORS)
def test_our_packages_are_those_of_this_checkout(name: str) -> None:
    assert Path(str(importlib.import_module(name).__file__)).parent == ROOT / name


def test_every_room_says_what_it_holds_in_the_words_of_contributing() -> None:
    rows = dict(re.findall(r"^\| `([\w/]+)/` \| (.+) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE))
    rooms = {
        str(path.parent.relative_to(ROOT)): " ".join(
            (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0].split()
        )
        for path in our_files()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] in FLOORS
    }
    assert {name: rows.get(name) for name in rooms} == rooms
    assert all(said.count(". ") == 0 and said.endswith(".") for said in rooms.values())


def test_the_map_leads_to_what_is_there() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## The map")[2].partition("\n## ")[0]
    steps = re.findall(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", section, re.MULTILINE)
    assert len(steps) == len(re.findall(r"^\| `", section, re.MULTILINE)) > 20
    for file, name in steps:
        assert len(defined(file, name)) == 1, f"{file} has no {name}"


def test_each_twin_is_there_with_the_test_that_runs_all_its_texts() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Twins")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(?: ([^|`]*?))? \| `([\w./-]+)` \| `([^`]+)` \|$", section, re.MULTILINE)
    assert len(rows) == section.count("\n|") - 2
    twins: dict[str, list[str]] = {}
    for rule, file, name in rows:
        if rule:
            assert rule not in twins, f"{rule} has two rows"
            twins[rule] = []
        list(twins.values())[-1].append(file)
        assert len(defined(file, name)) == 1, f"{file} has no {name}, or several"
    assert len(twins) > 15
    for rule, files in twins.items():
        assert len(files) > 2, f"{rule} has one text alone"
        assert [file.startswith("tests/") for file in files] == [*[False] * (len(files) - 1), True], rule


def defined(file: str, name: str) -> list[str]:
    """What a file has under a name; `…` at its end stands for the rest. The files of SQL are in `migrations/sql/`."""
    if file.endswith(".sql"):
        made = (ROOT / "migrations" / "sql" / file).read_text("utf-8")
        made_by = "CREATE (?:FUNCTION|TRIGGER|VIEW|TABLE)|-- The fragment"
        return re.findall(rf"^(?:{made_by}) ({name})\b", made, re.MULTILINE)
    text = (ROOT / file).read_text("utf-8")
    if not file.endswith(".py"):
        return [name] if name in text else []
    found: list[ast.AST] = [ast.parse(text)]
    for part in name.split("."):
        inside = [node for parent in found for node in getattr(parent, "body", [])]
        found = [node for node in inside if any(map(re.compile(part.replace("…", ".*")).fullmatch, names_of(node)))]
    return [each for node in found for each in names_of(node)]


def names_of(node: ast.AST) -> list[str]:
    """The name that a statement defines: of a class, a function or a constant."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    named = [target.id for target in targets if isinstance(target, ast.Name)]
    return [*named, node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else named


NOUNS = {"keyring", "ring"}


def test_no_module_is_named_by_a_gerund() -> None:
    ours = [path for path in our_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in FLOORS]
    assert [str(path) for path in ours if path.stem.endswith("ing") and path.stem not in NOUNS] == []


def test_no_two_classes_have_one_name() -> None:
    """A name in a message, a log or a profile leads to one place. A leading underscore makes no other name."""
    places: dict[str, list[str]] = {}
    for path in our_files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in (*FLOORS, "migrations"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name.lstrip("_"), []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
    assert len(places) > 300


def test_no_module_has_a_vague_name() -> None:
    assert [path for path in our_files() if path.suffix == ".py" and path.stem in VAGUE] == []


def test_no_source_file_is_too_long_to_read() -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in our_files() if path.suffix in {".py", ".sql"}}
    product = {path for path in lengths if path.relative_to(ROOT).parts[0] in (*FLOORS, "migrations")}
    assert {
        str(path): length
        for path, length in lengths.items()
        if length > (LONGEST_PRODUCT if path in product else LONGEST)
    } == {}


def test_no_function_is_too_long_to_read() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for path in our_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in (*FLOORS, "migrations")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {place: length for place, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    assert len(lengths) > 3000


def test_no_file_names_a_package_registry_or_a_path_of_a_machine() -> None:
    found = []
    for path in our_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if REGISTRIES.search(line) or MACHINE_PATHS.search(line)
        ]
    assert found == []


@pytest.mark.parametrize("line", ["see " + "/wo" + "rk/main/x", "from files." + "python" + "hosted" + ".org"])
def test_the_search_for_registries_and_paths_finds_them(line: str) -> None:
    assert REGISTRIES.search(line) or MACHINE_PATHS.search(line)


# ------------------------------------------------------------------------------------------------------------ layers

BREACHES = {
    "config/intruder.py": "import tasks.checks\nimport opentelemetry",
    "jurat/intruder.py": "import celery\nimport requests",
    "adapters/address/intruder.py": "import celery\nimport adapters.registry",
    "tasks/intruder.py": "import adapters.catalogue\nimport sqlalchemy",
    "store/intruder.py": "import adapters.zone_import.files",
    "config/registry/model/intruder.py": "import config.registry.lint.rules",
    "adapters/registry/trace.py": "import adapters.registry.adapter",
    "worker/intruder.py": "import console.app\nimport flask\nimport pages.server",
}


def test_import_linter_finds_every_kind_of_breach(tmp_path: Path) -> None:
    for folder in FLOORS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, imports in BREACHES.items():
        (tmp_path / path).write_text(imports + "\n")
    linter = Path(sys.executable).with_name("lint-imports")
    linted = run(linter, "--no-cache", "--no-logo", cwd=tmp_path, PYTHONPATH=str(tmp_path), COLUMNS="200")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    kept = [contract["name"] for contract in contracts if f"{contract['name']} BROKEN" not in linted.stdout]
    assert kept == [], linted.stdout + linted.stderr


# ----------------------------------------------------------------------------------------------------------- the wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target)
    assert built.returncode == 0, built.stderr
    return next(target.glob("jurat-*-py3-none-any.whl"))


def test_the_wheel_holds_the_contract_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"jurat"}
    assert "jurat/py.typed" in names
    messages = {f"jurat/messages/{path.name}" for path in (ROOT / "jurat/messages").glob("*.json")}
    assert messages
    assert messages <= set(names)
    assert not any("__pycache__" in name for name in names)
    required = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", metadata, re.MULTILINE)
    assert sorted(required) == ["fastjsonschema", "pynacl", "sqlalchemy"]


PLATFORM = """
import json, sys
from nacl.public import PrivateKey
from sqlalchemy import create_engine, text
import jurat
from jurat.seal import key_to_text

url = sys.argv[1]
schema = {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "minLength": 4}}}
question = dict(
    consultation="budget", question="code", position=1, criterion="spring-code", source="spring", sources='["spring"]',
    rounds=3, deadline_s=3600.0, answer_schema=json.dumps(schema), title="{}", consultation_title="{}", contact="{}",
    config_version=1,
)
engine = create_engine(url)
with engine.begin() as connection:
    into = f"jurat_questions ({', '.join(question)}) VALUES (:{', :'.join(question)})"
    connection.execute(text(f"INSERT INTO {into}"), question)

client = jurat.Client(url, seal_key=key_to_text(bytes(PrivateKey.generate().public_key)))
answer = dict(consultation="budget", participant="p-1", question="code")
with engine.begin() as connection:
    try:
        client.submit(connection, answer={"code": "x"}, **answer)
    except jurat.InvalidAnswer as error:
        print(error, file=sys.stderr)
    check = client.submit(connection, answer={"code": "spring-42"}, **answer)
client.ring()
result = client.result(check.id)
assert (result.state, result.outcome, result.participant) == ("pending", None, "p-1"), result
assert client.access("budget", "p-1").state == "pending"
try:
    jurat.Client(url, "redis://127.0.0.1:1/0")
except jurat.ConfigurationError as error:
    assert "pip install 'celery[redis]" in str(error)
else:
    raise AssertionError("no Celery here, and nobody said so")
engine.dispose()
print(jurat.__file__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("sqlalchemy", ["2.0", "2.1"])
def test_the_wheel_works_in_an_empty_environment(wheel: Path, sqlite_url: str, sqlalchemy: str, tmp_path: Path) -> None:
    environment = tmp_path / "platform"
    venv.create(environment)
    python = environment / "bin" / "python"
    uv("install", "--python", python, wheel, f"sqlalchemy=={sqlalchemy}.*")
    brought = {"cffi", "fastjsonschema", "greenlet", "jurat", "pycparser", "pynacl", "sqlalchemy", "typing-extensions"}
    listed = uv("list", "--python", python, "--format=freeze")
    assert {line.split("==")[0].lower().replace("_", "-") for line in listed.splitlines()} <= brought
    used = run(python, "-I", "-W", "error", "-c", PLATFORM, sqlite_url, cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    assert "code" in used.stderr
    assert str(environment) in used.stdout


@pytest.mark.slow
@pytest.mark.long
def test_the_contract_passes_its_own_tests_on_the_oldest_sqlalchemy_it_allows(tmp_path: Path) -> None:
    older = tmp_path / "sqlalchemy"
    uv("install", "--no-deps", "--python", sys.executable, "--target", older, "sqlalchemy==2.0.*")
    quick = ("-q", "-p", "no:cacheprovider", "-m", "not slow")
    use_it = [path for path in (ROOT / "tests/jurat").glob("test_*.py") if "sqlalchemy" in path.read_text("utf-8")]
    tests = (sys.executable, "-m", "pytest", *map(str, use_it), *quick)
    tested = run(*tests, PYTHONPATH=str(older), HYPOTHESIS_PROFILE="quick")
    assert tested.returncode == 0, tested.stdout[-5000:]
    told = run(sys.executable, "-c", "import sqlalchemy; print(sqlalchemy.__version__)", PYTHONPATH=str(older))
    assert told.stdout.startswith("2.0."), told.stdout


def uv(*words: str | Path) -> str:
    ran = run(Path(sys.executable).with_name("uv"), "pip", *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# -------------------------------------------------------------------------------------------------------- the launcher


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose worker tells how it was started, with an environment that has this one's libraries."""
    root = tmp_path / "a checkout"
    for folder, text in {
        "cli": "import sys, config; print(config.__file__, *sys.argv[1:], sep='|'); sys.exit(5)",
        "config": "",
    }.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").touch()
        (root / folder / "__main__.py").write_text(text)
    (root / "bin").mkdir()
    shutil.copy(ROOT / "bin/jurat", root / "bin")
    return root


def test_the_launcher_runs_from_anywhere_and_through_links(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/relative").symlink_to("../a checkout/bin/jurat")
    (tmp_path / "links/absolute").symlink_to(tmp_path / "links/relative")
    platform = tmp_path / "platform"
    (platform / "config").mkdir(parents=True)
    (platform / "config/__init__.py").write_text("raise RuntimeError('not this one')")
    for launcher in (checkout / "bin/jurat", tmp_path / "links/relative", tmp_path / "links/absolute"):
        ran = run(launcher, "submit", "two words", cwd=platform, PYTHONPATH=str(platform))
        assert ran.stdout.strip() == f"{checkout / 'config/__init__.py'}|submit|two words", ran.stderr
        assert ran.returncode == 5


def test_the_launcher_says_what_to_do_where_nothing_is_installed(checkout: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    ran = run(checkout / "bin/jurat", "doctor", PATH=f"{tmp_path / 'bare/bin'}:/usr/bin:/bin", PYTHONPATH="")
    assert ran.returncode == 2
    assert "make demo" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_launcher_says_what_to_do_where_python_is_too_old(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ran = run(checkout / "bin/jurat", "doctor", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert ran.returncode == 2
    assert "Python 3.11" in ran.stderr


# ---------------------------------------------------------------------------------------------------------- containers


def test_the_compose_file_is_accepted() -> None:
    compose = next(
        (command for command in (["docker", "compose"], ["docker-compose"]) if works([*command, "version"])), None
    )
    if compose is None and os.environ.get("CI") != "true":
        pytest.skip("needs docker compose (Debian: apt-get install docker-compose); no engine is asked for")
    assert compose, "CI must have docker compose"
    accepted = run(*compose, "--profile", "*", "config", "--quiet")
    assert (accepted.returncode, accepted.stderr) == (0, "")


def works(command: list[str]) -> bool:
    return shutil.which(command[0]) is not None and run(*command).returncode == 0


def test_the_image_gets_every_package_that_the_service_is_made_of() -> None:
    taken = re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert {*layers, "bin", "migrations"} <= set(taken)


# --------------------------------------------------------------------------------------------------------- the tests


def test_a_test_reaches_no_farther_than_this_machine() -> None:
    with socket.socket() as connection, pytest.raises(UserWarning, match=r"192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))
