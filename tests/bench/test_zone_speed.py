"""The bench of zones, on a few small ones."""

from __future__ import annotations

from bench import zone_speed


def test_it_asks_every_question_and_prints_a_table() -> None:
    results, megabytes, seconds = zone_speed.measure(count=9, vertices=200, asked=150, seed=1)
    assert len(results) == 3
    assert all(0 < each.p50 <= each.p99 for each in results)
    text = zone_speed.table(results, megabytes, seconds, 9, 200)
    assert "9 zones of 200 vertices take" in text
    assert text.count("\n| ") == 4


def test_the_zones_differ_and_are_valid() -> None:
    import shapely

    shapes = [shapely.from_wkb(wkb) for wkb in zone_speed.zones_of(5, 300, seed=2)]
    assert all(shape.is_valid for shape in shapes)
    assert len({shape.wkb for shape in shapes}) == 5
