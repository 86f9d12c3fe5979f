"""`sources drift`: what registries answer now against the tests of their descriptions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.sources import Mood, Sources
from tests.cli.commands.test_registries import ON_FILE, configuration, contents, without_control
from tests.cli.shell import Shell, is_one_sentence

KIND = "note  registry: lookup  professionals[].names[].kind is new"


@pytest.fixture(scope="module")
def registry() -> Iterator[Sources]:
    with Sources() as running:
        yield running


def asking(shell: Shell, registry: Sources, mood: Mood = Mood.OK, *changes: tuple[str, str]) -> Shell:
    """The shell with the registry applied, in that mood."""
    shell.write("jurat.yaml", configuration(f"{registry.url(mood, 'registry')}/professionals", *changes))
    applied = shell("config", "apply", "jurat.yaml")
    assert applied.code == 0, applied.err
    return shell


def test_an_answer_as_the_tests_know_it_is_well_and_what_is_not_read_a_note(shell: Shell, registry: Sources) -> None:
    ran = asking(shell, registry)("sources", "drift")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "ok    registry          the control record is accepted: 1 difference",
        KIND,
    ]
    document = shell("sources", "drift", "registry", "--json").json
    assert document["registries"] == [
        {
            "source": "registry",
            "control_record": "accepted",
            "drift": [
                {
                    "step": "lookup",
                    "path": "professionals[].names[].kind",
                    "found": ["string"],
                    "known": [],
                    "read": False,
                }
            ],
        }
    ]


@pytest.mark.parametrize("engine", ["shell", pytest.param("postgresql_shell", marks=pytest.mark.slow)])
def test_another_shape_is_shown_with_its_places_and_stays_to_be_seen_until_it_is_gone(
    request: pytest.FixtureRequest, registry: Sources, engine: str
) -> None:
    shell: Shell = request.getfixturevalue(engine)
    ran = asking(shell, registry, Mood.WRONG_SHAPE)("sources", "drift", "registry")
    assert ran.code == 1
    assert ran.out.splitlines()[1:] == [
        "note     registry: lookup  apiVersion is new",
        "problem  registry: lookup  count is gone",
        "note     registry: lookup  payload is new",
        "problem  registry: lookup  professionals is gone",
    ]
    for words in (("sources", "health"), ("doctor",)):
        told = shell(*words)
        assert told.code == 1
        assert "its answers differ from its tests: count is gone; professionals is gone — run" in told.out
    assert shell("sources", "health", "--json").json["sources"][0]["drift"] == "count is gone; professionals is gone"
    asking(shell, registry)
    assert shell("sources", "health").code == 0, "the new description may know it"
    asking(shell, registry, Mood.WRONG_SHAPE)("sources", "drift")
    assert shell("sources", "health").code == 1


def test_no_value_is_printed(shell: Shell, registry: Sources) -> None:
    for mood in (Mood.OK, Mood.NULLS, Mood.WRONG_SHAPE):
        ran = asking(shell, registry, mood)("sources", "drift", "--json")
        assert not [word for word in ("Valombre", "Iris", "9000010000", "active") if word in ran.out]


def test_nulls_are_another_type(shell: Shell, registry: Sources) -> None:
    ran = asking(shell, registry, Mood.NULLS)("sources", "drift")
    assert ran.code == 1
    assert "problem  registry: lookup  count is null, not number" in ran.out.splitlines()


@pytest.mark.parametrize(("mood", "reason"), [(Mood.DOWN, "source_unavailable"), (Mood.THROTTLING, "source_throttled")])
def test_a_registry_that_does_not_answer_is_a_dependency_and_no_drift(
    shell: Shell, registry: Sources, mood: Mood, reason: str
) -> None:
    ran = asking(shell, registry, mood)("sources", "drift")
    assert ran.code == 3
    assert ran.out.startswith(f"down  registry  the control record is not accepted, but undetermined/{reason}: ")
    assert len(ran.out.splitlines()) == 1
    assert shell("sources", "health", "--json").json["sources"][0]["drift"] is None


def test_a_control_record_that_is_not_found_is_a_problem(shell: Shell, registry: Sources) -> None:
    missing = ('control: { input: { number: "9000010000"', 'control: { input: { number: "9000012964"')
    ran = asking(shell, registry, Mood.OK, missing)("sources", "drift")
    assert ran.code == 1
    assert ran.out.startswith(
        "problem  registry  the control record is not accepted, but refused/record_not_found — run"
    )


def test_it_is_paid_from_the_quota_of_the_source(shell: Shell, registry: Sources) -> None:
    asking(shell, registry, Mood.OK, ("timeout: 5s", "timeout: 5s\nrate: 1/d\nburst: 1"))
    before = contents(shell)
    assert shell("sources", "drift").code == 0
    after = contents(shell)
    assert {table for table in before if before[table] != after[table]} == {"jurat_sources"}
    again = shell("sources", "drift")
    assert again.code == 3
    assert again.out == "down  registry  not asked: the quota of registry is used up at the moment; try again later\n"


def test_without_a_control_record_nothing_is_asked(shell: Shell, registry: Sources) -> None:
    text = without_control(configuration(f"{registry.url(Mood.OK, 'registry')}/professionals"))
    shell.write("jurat.yaml", text)
    assert shell("config", "apply", "jurat.yaml").code == 0
    before = registry.count(Mood.OK)
    one = shell("sources", "drift", "registry")
    assert one.code == 2
    assert is_one_sentence(one)
    assert "registry names no control record to ask for — add control: to its description" in one.err
    every = shell("sources", "drift")
    assert every.code == 0
    assert every.out.startswith("note  registry  names no control record to ask for")
    assert registry.count(Mood.OK) == before


def test_tests_with_files_of_their_own_are_compared_with_config(shell: Shell, registry: Sources) -> None:
    text = configuration(f"{registry.url(Mood.OK, 'registry')}/professionals")
    text = text[: text.index("    tests:")] + ON_FILE + text[text.index("criteria:") :]
    folder = shell.folder / "config.d"
    (folder / "answers").mkdir(parents=True)
    (folder / "jurat.yaml").write_text(text)
    (folder / "answers" / "physician.json").write_text(
        '{"count": 1, "professionals": [{"number": "9000010000", "names": [{"family": "Valombre", "given": "Iris"}], '
        '"status": "active", "profession": {"code": "10"}}]}'
    )
    assert shell("config", "apply", "config.d").code == 0
    applied = shell("sources", "drift")
    assert applied.code == 1
    assert "the file answers/physician.json cannot be read" in applied.out
    ran = shell("sources", "drift", "--config", "config.d")
    assert ran.code == 0
    assert KIND in ran.out.splitlines()
