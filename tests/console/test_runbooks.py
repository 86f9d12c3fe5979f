"""Each condition leads to its runbook, which is shown as a page."""

from __future__ import annotations

import pytest

from console.runbooks import FOLDER
from store.monitoring.alarms import Alarm
from tests.console.visitor import Site, heading, tree


@pytest.mark.parametrize("alarm", Alarm)
def test_each_alarm_has_a_page(site: Site, alarm: Alarm) -> None:
    answer = site.signed_in().get(f"/en/runbooks/{alarm}")
    assert (answer.status_code, heading(answer)) == (200, alarm)
    assert "Do not" in tree(answer).xpath("//main//h2/text()")


def test_every_link_of_every_runbook_leads_somewhere(site: Site) -> None:
    visitor = site.signed_in()
    for file in FOLDER.glob("*.md"):
        page = visitor.get(f"/fr/runbooks/{file.stem}")
        for link in tree(page).xpath("//div[@class='prose']//a/@href"):
            assert visitor.get(link).status_code == 200, (file.name, link)


def test_the_first_page_leads_to_it(site: Site) -> None:
    links = tree(site.signed_in().get("/en/")).xpath("//main//h2/a/@href")
    assert links == [f"/en/runbooks/{Alarm.NOBODY_WORKS}"]
