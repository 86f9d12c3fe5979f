"""Descriptions whose requests are authorised are examined without a token endpoint, a clock or a secret."""

from __future__ import annotations

import copy

import fastjsonschema
import pytest

from adapters.registry_tests.examination import examine
from adapters.registry_tests.offline_run import OfflineRun
from config.lint import lint
from config.registry import RegistrySource
from config.schema import schema
from tests.adapters.registry.described import reply
from tests.adapters.registry.guarded import FILE, document
from tests.adapters.registry_tests.test_examination import no_file


def test_the_examples_pass_lint_and_the_schema() -> None:
    assert lint([FILE]).problems == ()
    fastjsonschema.compile(copy.deepcopy(schema()), use_default=False)(document(8000))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pharmacists", "surveyors", "residents"])
def test_an_example_passes_its_tests_and_every_mood(name: str) -> None:
    found = examine(RegistrySource.model_validate(document(8000)["sources"][name]), no_file)
    assert found.faults == ()
    assert len(found.moods) > 50
    assert any("401" in mood.mood for mood in found.moods)


def test_a_401_is_one_step_of_a_test_however_often_it_is_sent() -> None:
    source = RegistrySource.model_validate(document(8000)["sources"]["pharmacists"])
    run = OfflineRun(source)
    for _ in range(2):
        played = run.play(source.tests[0], {"lookup": reply({}, status=401)})
        assert (str(played), played.asked) == ("undetermined/source_credentials", ("lookup",))
    assert str(run.play(source.tests[0], {"lookup": reply(source.tests[0].responses["lookup"].content)})) == "accepted"
