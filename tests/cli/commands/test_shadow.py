"""`config shadow report`: how many verdicts would differ under a source's shadow."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands.test_registries import OK, configuration
from tests.cli.shell import Shell, is_one_sentence
from tests.store.desk import Desk

COUNTS = {
    "accepted accepted": 90,
    "refused/status_inactive accepted": 2,
    "accepted undetermined/name_differs": 7,
    "accepted undetermined/source_unavailable": 3,
}


def shadowed(shell: Shell) -> Shell:
    """The shell with a registry and its shadow applied."""
    text = configuration(OK, ("timeout: 5s", "timeout: 5s\nshadow: { source: newer }"))
    begin, end = text.index("  registry:\n"), text.index("criteria:")
    newer = text[begin:end].replace("  registry:", "  newer:", 1).replace("    shadow: { source: newer }\n", "")
    shell.write("jurat.yaml", text[:end] + newer + text[end:])
    applied = shell("config", "apply", "jurat.yaml")
    assert applied.code == 0, applied.err
    assert "no criterion uses" not in applied.err
    return shell


@pytest.mark.parametrize("engine", ["shell", pytest.param("postgresql_shell", marks=pytest.mark.slow)])
def test_the_report_tells_which_verdicts_would_differ_and_how_often(
    request: pytest.FixtureRequest, engine: str
) -> None:
    shell = shadowed(request.getfixturevalue(engine))
    none = shell("config", "shadow", "report")
    assert (none.code, none.out) == (0, "")
    assert none.err == "registry with its shadow newer: 0 verdicts compared, 0 would differ\n"
    desk = Desk(shell.environment["JURAT_DATABASE_URL"], applied=True)
    for pair, count in COUNTS.items():
        for _ in range(count):
            desk.sources.count_shadow("newer", *pair.split(" "))
    desk.close()
    ran = shell("config", "shadow", "report", "registry")
    assert ran.code == 1
    assert ran.err == (
        "registry with its shadow newer: 99 verdicts compared, 9 would differ (9.1%); it did not answer 3 lookups\n"
    )
    assert ran.out.splitlines() == [
        "SOURCE    DECIDED                  SHADOW                           COUNT",
        "registry  accepted                 undetermined/name_differs        7",
        "registry  accepted                 undetermined/source_unavailable  3",
        "registry  refused/status_inactive  accepted                         2",
        "registry  accepted                 accepted                         90",
    ]
    (document,) = shell("config", "shadow", "report", "--json").json
    assert (document["source"], document["shadow"]) == ("registry", "newer")
    assert (document["compared"], document["differing"]) == (99, 9)
    assert document["verdicts"][2] == {"decided": "refused/status_inactive", "shadow": "accepted", "count": 2}
    assert json.dumps(document)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("registri",), "there is no source 'registri' — did you mean 'registry'?"),
        (("newer",), "newer has no shadow — add shadow: to its description"),
    ],
)
def test_a_source_without_a_shadow_is_told(shell: Shell, words: tuple[str, ...], said: str) -> None:
    ran = shadowed(shell)("config", "shadow", "report", *words)
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert said in ran.err
