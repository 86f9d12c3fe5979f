from __future__ import annotations

from tasks.bells import forget, listen, ring


def test_a_bell_wakes_everybody_who_listens() -> None:
    woken: list[str] = []

    def first() -> None:
        woken.append("first")

    def second() -> None:
        woken.append("second")

    listen(first)
    listen(second)
    ring()
    forget(first)
    forget(first)
    ring()
    forget(second)
    ring()
    assert woken == ["first", "second", "second"]


def test_one_who_stops_listening_while_it_rings_does_not_silence_the_others() -> None:
    woken: list[str] = []

    def first() -> None:
        woken.append("first")
        forget(first)

    def second() -> None:
        woken.append("second")

    listen(first)
    listen(second)
    ring()
    forget(second)
    assert woken == ["first", "second"]
