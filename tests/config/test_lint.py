"""Every message here was read as an administrator reads it: it names the place, what is wrong and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.configuration import Configuration
from config.lint import lint
from config.yaml_reader import read
from tests.config.linted import REGISTRY, ZONES, Changes, lines, mistaken, mistakes, report

GOOD = """\
sources:
  towns: { type: address-file, path: towns.csv }
  ban: { type: addok, url: https://geocoder.example, rate: 40/s }
  spring: { type: codes, list: spring }
criteria:
  lives-in: { source: [towns, ban], open: [zone] }
  spring-code: { source: spring }
consultations:
  budget:
    questions:
      residence: { criterion: lives-in, with: { zone: old-town } }
      code: { criterion: spring-code }
"""


def test_a_good_configuration_has_no_problem(tmp_path: Path) -> None:
    for text in (GOOD, REGISTRY):
        assert lines(tmp_path, text) == []


@pytest.mark.parametrize(("changes", "said"), mistakes("mistakes.txt"))
def test_one_mistake_is_told_in_one_line(tmp_path: Path, changes: Changes, said: list[str]) -> None:
    (expected,) = said
    found = lines(tmp_path, mistaken(GOOD, changes))
    assert expected in found
    # What the mistake leaves without a name, or unused, is told too.
    assert all(": there is no " in line or ": warning: " in line for line in found if line != expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [each for part in ("source", "request", "rule", "test") for each in mistakes(f"registry-{part}-mistakes.txt")],
)
def test_one_mistake_about_a_registry_is_told_in_one_line(tmp_path: Path, changes: Changes, said: list[str]) -> None:
    found = lines(tmp_path, mistaken(REGISTRY, changes))
    assert found == said
    assert "s3same" not in "".join(found)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        (
            "source: spring }",
            "source: spring, open: [zone] }",
            (
                "7:34: error: criteria.spring-code.open: only a criterion with address sources can leave zone open — "
                "remove it"
            ),
        ),
        (
            "open: [zone]",
            "open: [zone, list]",
            "6:37: error: criteria.lives-in.open: only a criterion with codes sources can leave list open — remove it",
        ),
        (
            "source: spring }",
            "source: spring, open: [list] }",
            (
                "7:34: error: criteria.spring-code.open: source 'spring' has the list 'spring', and list is left open "
                "— remove one of them"
            ),
        ),
    ],
)
def test_what_is_left_open_is_what_the_sources_need_to_be_told(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    assert said in lines(tmp_path, GOOD.replace(written, instead))


def test_each_question_names_its_list_where_the_source_has_none(tmp_path: Path) -> None:
    text = GOOD.replace("codes, list: spring", "codes").replace("source: spring }", "source: spring, open: [list] }")
    assert "leaves list open, and this question does not fill it — add with: { list: NAME }" in str(
        lines(tmp_path, text)
    )
    text = text.replace("criterion: spring-code }", "criterion: spring-code, with: { list: autumn } }")
    assert not [line for line in lines(tmp_path, text) if "error" in line]


def test_all_problems_are_told_at_once_by_place_and_nothing_that_follows_from_them(tmp_path: Path) -> None:
    text = """\
        sources:
          ban: { type: addok, url: https://geocoder.example, timout: 8s }
          spring: { type: codes, lst: spring }
        criteria:
          lives-in: { source: bann, open: zone }
          spring-code: { source: spring }
        consultations:
          budget:
            questions:
              residence: { criterion: lives-in, with: { zone: nowhere }, rounds: 0 }
              code: { criterion: code }
            access: { all_of: [residence, cod] }
        """
    assert lines(tmp_path, text) == [
        "2:54: error: sources.ban.timout: unknown option — did you mean 'timeout'?",
        "3:26: error: sources.spring.lst: unknown option — did you mean 'list'?",
        "5:23: error: criteria.lives-in.source: there is no source 'bann' — did you mean 'ban'?",
        "5:35: error: criteria.lives-in.open: must be a list — write it in brackets: [zone]",
        (
            "10:55: error: consultations.budget.questions.residence.with.zone: zone 'nowhere' is not imported — "
            "run: bin/jurat zones import FILE"
        ),
        "10:74: error: consultations.budget.questions.residence.rounds: must be at least 1",
        (
            "11:26: error: consultations.budget.questions.code.criterion: there is no criterion 'code' — "
            "did you mean 'spring-code'?"
        ),
        "12:13: error: consultations.budget.access: there is no question 'cod' here — did you mean 'code'?",
    ]


TWO_STEPS = """\
    LIMITS
    steps:
      - name: login
        request: { url: "https://registry.example/login", auth: { type: bearer, token: "{secrets.api_key}" } }
        outcomes:
          - { when: "status != `200`", then: retry }
"""


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("rate: 4/s", []),
        ("rate: 4/s\n    burst: 2", []),
        (
            "burst: 1\n    rate: 4/s",
            [
                (
                    "9:12: warning: sources.roll.burst: one lookup sends 2 requests, one after the other, which is "
                    "more — allow at least 2"
                )
            ],
        ),
        ("daily: 2", []),
        (
            "daily: 1",
            [
                (
                    "9:12: error: sources.roll.daily: one lookup sends 2 requests, so none would ever be made — "
                    "allow at least 2"
                )
            ],
        ),
        ("rate: 1/30min", []),
        (
            "rate: 1/31min",
            [
                (
                    "32:7: warning: consultations.board.questions.profession.deadline: source 'roll' may be asked "
                    "1/31min with 2 requests a lookup, too rarely for a deadline of 1h — give more time, or the "
                    "source a higher rate"
                )
            ],
        ),
    ],
)
def test_limits_count_every_request_of_a_look_up(tmp_path: Path, limits: str, expected: list[str]) -> None:
    text = REGISTRY.replace("    steps:\n", TWO_STEPS.replace("LIMITS", limits), 1)
    assert lines(tmp_path, text) == expected


def test_a_source_that_is_closed_for_longer_than_a_deadline_is_no_mistake(tmp_path: Path) -> None:
    hours = 'hours: { timezone: Europe/Paris, open: ["mon 08:00-08:30"] }'
    assert lines(tmp_path, GOOD.replace("rate: 40/s", hours)) == []


def test_a_question_that_access_does_not_speak_of_is_a_warning(tmp_path: Path) -> None:
    text = GOOD.replace("    questions:", "    access: residence\n    questions:")
    assert lines(tmp_path, text) == [
        (
            "13:7: warning: consultations.budget.questions.code: access does not depend on this question — "
            "name it in access, or remove access"
        )
    ]


def test_a_test_environment_may_simulate_and_use_loopback_addresses(tmp_path: Path) -> None:
    text = """\
        environment: test
        sources:
          ban: { type: addok, url: "http://127.0.0.1:8080/" }
          magic: { type: simulated }
        criteria:
          lives-in: { source: [magic, ban], zone: harbour }
          anything: { source: magic }
        consultations:
          budget:
            questions:
              residence: { criterion: lives-in }
              other: { criterion: anything }
        """
    found = report(tmp_path, text)
    assert found.problems == ()
    assert found.configuration is not None
    assert found.configuration.questions["budget", "residence"].kind == "address"
    assert found.configuration.questions["budget", "other"].kind == "simulated"
    assert lines(tmp_path, text.replace("127.0.0.1", "elsewhere.example"))[0].startswith(
        "3:28: error: sources.ban.url: "
    )


def test_zones_are_not_checked_where_nobody_knows_them(tmp_path: Path) -> None:
    (tmp_path / "jurat.yaml").write_text(GOOD, encoding="utf-8")
    assert lint([tmp_path]).problems == ()
    assert [problem.message for problem in lint([tmp_path], zones=()).problems] == ["zone 'old-town' is not imported"]


NO_VARIABLE = "a source may get only variables whose names begin with JURAT_SOURCE_"
NO_SETTING = (
    "is a setting of jurat itself, which no source may get — put the source's own secret into a variable "
    "JURAT_SOURCE_…, and name that"
)
NO_FILE = "a source may get only files in the folder JURAT_SOURCE_SECRETS"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "{ env: JURAT_UNSEAL_KEYS }",
            f"JURAT_UNSEAL_KEYS {NO_SETTING}",
        ),
        ("{ env: ROLL_KEY }", f"{NO_VARIABLE} — call it JURAT_SOURCE_ROLL_KEY, here and where the workers run"),
        (
            "{ file: /run/secrets/roll }",
            f"{NO_FILE} — put it there where the workers run, and write only its name: {{ file: roll }}",
        ),
    ],
)
def test_a_secret_that_stands_elsewhere_is_an_error_wherever_lint_runs(tmp_path: Path, written: str, said: str) -> None:
    other = REGISTRY.replace("{ env: JURAT_SOURCE_ROLL }", written)
    for environ in (None, {}, {"JURAT_UNSEAL_KEYS": "s3same", "ROLL_KEY": "s3same"}):
        assert lines(tmp_path, other, environ=environ) == [f"5:25: error: sources.roll.secrets.api_key: {said}"]


def test_a_secret_of_jurat_itself_is_an_error(tmp_path: Path) -> None:
    key = "b3BlbnMgYWxsIHRoYXQgcGFydGljaXBhbnRzIHNhaWQ="
    (tmp_path / "roll").write_text(f"[{key}]", encoding="utf-8")
    of_file = REGISTRY.replace("{ env: JURAT_SOURCE_ROLL }", "{ file: roll }")
    environ = {"JURAT_UNSEAL_KEYS": key, "JURAT_SOURCE_SECRETS": str(tmp_path), "JURAT_SOURCE_ROLL": f"k={key}"}
    for text, place in ((of_file, "the file roll"), (REGISTRY, "the environment variable JURAT_SOURCE_ROLL")):
        said = f"{place} contains JURAT_UNSEAL_KEYS of jurat itself, which no source may get"
        assert lines(tmp_path, text, environ=environ) == [
            f"5:25: error: sources.roll.secrets.api_key: {said} — put the source's own secret there"
        ]
        assert lines(tmp_path, text, environ={**environ, "JURAT_UNSEAL_KEYS": ""}) == []


def test_secrets_and_files_that_are_not_on_this_machine_are_warnings(tmp_path: Path) -> None:
    assert lines(tmp_path, REGISTRY, environ={}) == [
        (
            "5:25: warning: sources.roll.secrets.api_key: the environment variable JURAT_SOURCE_ROLL is not set — "
            "set it where the workers run"
        )
    ]
    assert lines(tmp_path, REGISTRY, environ={"JURAT_SOURCE_ROLL": "s3same"}) == []
    assert lines(tmp_path, GOOD, environ={}, base_dir=tmp_path) == [
        (
            "2:38: warning: sources.towns.path: there is no such file here — "
            "a path is relative to the folder where the worker runs"
        )
    ]
    (tmp_path / "towns.csv").touch()
    assert lines(tmp_path, GOOD, environ={}, base_dir=tmp_path) == []


def test_a_folder_is_checked_as_one_and_problems_stand_in_their_files(tmp_path: Path) -> None:
    sources, rest = GOOD.split("criteria:")
    (tmp_path / "a.yaml").write_text(sources.replace("rate", "rat"), encoding="utf-8")
    (tmp_path / "b.yaml").write_text("criteria:" + rest.replace("source: spring", "source: sprin"), encoding="utf-8")
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in lint([tmp_path], zones=ZONES).problems] == [
        "a.yaml:3:54: error: sources.ban.rat: unknown option — did you mean 'rate'?",
        "b.yaml:3:26: error: criteria.spring-code.source: there is no source 'sprin' — did you mean 'spring'?",
    ]


def test_a_file_that_cannot_be_read_is_a_report_too(tmp_path: Path) -> None:
    found = report(tmp_path, "sources: { a: b")
    assert found.configuration is None
    assert [problem.message for problem in found.errors] == ["a ',' or the closing '}' is missing"]


UNDER_NAMES = "write each entry under a name of its own, NAME: …, without the -"


def test_sections_of_the_wrong_kind_are_told(tmp_path: Path) -> None:
    assert lines(tmp_path, "sources: [a]\ncriteria:\nconsultations: { budget: 1 }\n") == [
        f"1:10: error: sources: must be a map (key: value) — {UNDER_NAMES}",
        "2:1: error: criteria: is empty, and must be a map (key: value) — fill it in, or remove the line",
        "3:26: error: consultations.budget: must be a map (key: value)",
    ]


def test_what_a_file_holds_reaches_no_terminal_as_a_command(tmp_path: Path) -> None:
    found = lines(tmp_path, 'sources: { "\\e[31mred\\n": { type: "\\e[2J" } }\n')
    assert all(line.isprintable() for line in found)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 10**6), st.floats(0, 10), st.text("ab{}$`':/-\n", max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc-", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
SAMPLE = read([Path(__file__).resolve().parent.parent.parent / "config" / "sample"]).data


def places_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places_in(part, (*path, key))


# JMESPath warns of a kind of literal that it no longer likes; the fuzzing below may write one.
@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")
@given(st.sampled_from(list(places_in(SAMPLE))[1:]), JSON)
def test_whatever_stands_in_a_place_is_taken_or_told(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], value: Any
) -> None:
    data = deepcopy(SAMPLE)
    holder: Any = data
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = value
    file = tmp_path_factory.mktemp("any") / "jurat.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    found = lint([file], zones=["old-town"], environ={})
    assert (found.configuration is None) == bool(found.errors)
    for problem in found.problems:
        assert str(problem).isprintable()
        # Words of pydantic, Python and JSON Schema that an administrator cannot know.
        assert not re.search(
            r"pydantic|Input should|Extra inputs|<class|Traceback|valid dictionary|tuple", str(problem)
        )
    if found.configuration is not None:
        assert Configuration.from_json(found.configuration.to_json()) == found.configuration
