"""What other template languages write is told where it would be sent; what only looks alike is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.linted import REGISTRY, lines

URL = "https://registry.example/people/{number}"


def said_of(folder: Path, request: str) -> list[str]:
    return lines(folder, REGISTRY.replace(URL, f"https://registry.example/people\n          {request}"))


@pytest.mark.parametrize(
    "request_of_a_registry",
    [
        'query: { q: "urn:oid:1.2|{number}" }',
        "query: { $where: \"licence = '{number}' and name like '%{number}%'\" }",
        'query: { q: "%{number}%" }',
        *(
            f'query: {{ q: "{written}" }}'
            for written in (
                "AB-{number}",
                "AB {number}",
                "DE{number}",
                "eq.{number}",
                "urn:oid:1.2|{number}",
                "|{number}",
                "id:{number}",
                "-{number}",
                "+{number}",
                ".{number}",
                "/{number}",
                "{number}/1",
                "{number}*",
                "*{number}*",
                "{number}~",
                "({number})",
                "[{number}]",
                "'{number}'",
                r"\"{number}\"",
                "number = '{number}', x",
                "look up {number}, ",
                "number eq '{number}'",
                "like '%20{number}'",
            )
        ),
        'query: { q: "{number}", sort: number, order: family_name }',
        'query: { q: "No. #{number}", price: "5 $" }',
        'query: { q: "{number}", sort: ":numbers", by: "@number", fields: "[number]", like: "a:number" }',
        'query: { q: "{number}", show: "{{number}}" }',
        """method: POST
          json: { query: "query($number: ID!) {{ p(number: $number) {{id}} }}", variables: { number: "{number}" } }""",
        "method: POST\n          xml: <a><number>{number}</number><family_name/></a>",
    ],
)
def test_what_only_looks_like_a_slip_is_left_alone(tmp_path: Path, request_of_a_registry: str) -> None:
    assert said_of(tmp_path, request_of_a_registry) == []


TEXT = "is no placeholder: it is text here, and would be sent unchanged"


@pytest.mark.parametrize(
    ("request_of_a_registry", "place", "said"),
    [
        (
            "method: POST\n          xml: <a>${number}</a>",
            "13:16: error: sources.roll.steps[0].request.xml",
            "the '$' before {number} would be sent as well — write {number} alone",
        ),
        (
            'method: POST\n          json: { who: { name: "<family_name>", number: "{number}" } }',
            "13:17: error: sources.roll.steps[0].request.json",
            f"'<family_name>' {TEXT} — write {{family_name}}",
        ),
        (
            'query: { q: "{number}", name: ":family_name" }',
            "12:41: error: sources.roll.steps[0].request.query.name",
            f"':family_name' {TEXT} — write {{family_name}}",
        ),
        *(
            (
                f'query: {{ q: "{{number}}", licence: "{written}" }}',
                "12:44: error: sources.roll.steps[0].request.query.licence",
                f"'{shown}' {TEXT} — write {{number}}",
            )
            for written, shown in (
                *((each, each) for each in ("$number", "$(number)", "%(number)s", "%number%", "<number>", ":number")),
                ("AB-%(number)s", "%(number)s"),
                ("<number>.json", "<number>"),
            )
        ),
        *(
            (
                f'query: {{ q: "{{number}}", licence: "{written}" }}',
                "12:44: error: sources.roll.steps[0].request.query.licence",
                "the '$' before {number} would be sent as well — write {number} alone",
            )
            for written in ("${number}", "AB-${number}", "$ {number}")
        ),
        *(
            (
                f'query: {{ q: "{written}" }}',
                "12:23: error: sources.roll.steps[0].request.query.q",
                f"the {shown} after {{number}} would be sent as well — write {{number}} alone",
            )
            for written, shown in (
                ("{number}}}", "'}'"),
                ("{number}$", "'$'"),
                ("{number} ", "space"),
                ("AB{number} ", "space"),
                *((f"{before}{{number}}{mark}", f"'{mark}'") for mark in ",;" for before in ("", "AB-", "id:")),
                ("{number}, ", "','"),
                *((f"{{number}}{mark}", f"'{mark}'") for mark in ".&#!"),
            )
        ),
        *(
            (
                f'query: {{ q: "{written}" }}',
                "12:23: error: sources.roll.steps[0].request.query.q",
                f"the {shown} before {{number}} would be sent as well — write {{number}} alone",
            )
            for written, shown in (
                (" {number}", "space"),
                (" {number} ", "space"),
                *((f"{mark}{{number}}", f"'{mark}'") for mark in "~,;&?!^`#@:"),
                (", {number}", "','"),
            )
        ),
        *(
            (
                f'query: {{ q: "{written}" }}',
                "12:23: error: sources.roll.steps[0].request.query.q",
                f"'{shown}' would be encoded again, as values are encoded when they are sent — {hint}",
            )
            for written, shown, hint in (
                ("%24{number}", "%24", "write {number} alone"),
                ("AB%2D{number}", "%2D", "write '-' itself"),
                ("AB%20{number}", "%20", "write ' ' itself"),
                ("urn:x%7C{number}", "%7C", "write '|' itself"),
                ("{number}%2c1", "%2c", "write ',' itself"),
                ("{number}%20", "%20", "write {number} alone"),
            )
        ),
    ],
)
def test_a_slip_in_a_body_or_beside_what_is_right_is_told(
    tmp_path: Path, request_of_a_registry: str, place: str, said: str
) -> None:
    assert said_of(tmp_path, request_of_a_registry) == [f"{place}: {said}"]
