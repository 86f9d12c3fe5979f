"""What the usage policy of the public Nominatim forbids is told before anybody asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.linted import lines

OSM = """\
sources:
  osm: { type: nominatim, OPTIONS }
criteria:
  lives-in: { source: osm, zone: harbour }
"""
PUBLIC = "nominatim.openstreetmap.org allows one request a second, from all of your workers together"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("rate: 1/s", []),
        ("rate: 60/min", []),
        ("rate: 1/1500ms", []),
        ("url: https://geocoder.example, rate: 50/s, concurrency: 8", []),
        ("url: https://geocoder.example", []),
        (
            "timeout: 8s",
            [
                (
                    f"2:3: error: sources.osm: {PUBLIC}, and there is no rate — add rate: 1/s, "
                    "or give the url of your own server"
                )
            ],
        ),
        (
            "rate: 2/s",
            [f"2:33: error: sources.osm.rate: {PUBLIC} — write 1/s or less, or give the url of your own server"],
        ),
        (
            "rate: 60/min, burst: 5",
            [f"2:48: error: sources.osm.burst: {PUBLIC} — write 1, or give the url of your own server"],
        ),
        (
            "rate: 1/s, concurrency: 2",
            [
                (
                    "2:51: error: sources.osm.concurrency: nominatim.openstreetmap.org allows one request at a time — "
                    "write 1, or give the url of your own server"
                )
            ],
        ),
        (
            "url: https://NOMINATIM.openstreetmap.org/, rate: 9/s",
            [f"2:76: error: sources.osm.rate: {PUBLIC} — write 1/s or less, or give the url of your own server"],
        ),
    ],
)
def test_the_public_nominatim_is_not_asked_more_than_it_allows(
    tmp_path: Path, options: str, expected: list[str]
) -> None:
    assert lines(tmp_path, OSM.replace("OPTIONS", options)) == expected


def test_two_sources_at_the_public_nominatim_ask_more_than_it_allows_together(tmp_path: Path) -> None:
    text = OSM.replace("OPTIONS", "rate: 1/s").replace("criteria:", "  maps: { type: nominatim, rate: 1/s }\ncriteria:")
    assert lines(tmp_path, text.replace("source: osm", "source: [osm, maps]")) == [
        (
            "3:3: error: sources.maps.url: 'osm' also asks nominatim.openstreetmap.org, which counts the requests of "
            "both together — use one of them in all criteria, or give the url of your own server"
        )
    ]
