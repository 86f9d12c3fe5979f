"""Each example platform, as it is today, on the schema of a later release of the same contract version."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from jurat.messages import message_for
from tests.examples.stacks.conftest import missing
from tests.examples.stacks.participant import Participant
from tests.examples.stacks.runtimes import PLATFORMS, lacking
from tests.examples.stacks.stage import Platform, Stage
from tests.examples.stacks.test_platforms import HOME, magic
from tests.migrations.next_version import step_ahead
from tests.rigs.servers import NoServer

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def next_stage() -> Iterator[Stage]:
    """Database and worker, with more columns, tables and functions than the platforms and the worker know."""
    try:
        made = Stage()
    except NoServer as error:
        missing(str(error))
    with made, psycopg.connect(made.superuser_url) as owner:
        step_ahead(owner)
        owner.commit()
        yield made


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_works_with_the_schema_of_the_next_release(name: str, next_stage: Stage) -> None:
    if reason := lacking(name):
        missing(reason)
    with Platform(name, next_stage.platform_environment) as platform:
        granted, refused = Participant(platform.address), Participant(platform.address)
        granted.confirm("residence", **HOME)
        granted.confirm("profession", answer="accept")
        refused.confirm("residence", **magic("refuse"))
        assert granted.settled_section("residence").words == message_for("inside_zone", "en")
        assert granted.settled_section("profession").state == "accepted"
        assert granted.get().access == "granted"
        assert refused.settled_section("residence").may_answer, "a round is open"
        refused.confirm("residence", **magic("accept"))
        assert refused.settled_section("residence").state == "accepted"
