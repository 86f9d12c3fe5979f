from __future__ import annotations

from jurat.ring import TASK
from worker.bell import forget, listen, ring, wake


def test_a_bell_wakes_everybody_who_listens() -> None:
    woken: list[str] = []

    def first(_: object) -> None:
        woken.append("first")

    def second(_: object) -> None:
        woken.append("second")

    listen(first)
    listen(second)
    wake()
    forget(first)
    forget(first)
    wake()
    forget(second)
    wake()
    assert woken == ["first", "second", "second"]


def test_one_who_stops_listening_while_it_rings_does_not_silence_the_others() -> None:
    woken: list[str] = []

    def first(_: object) -> None:
        woken.append("first")
        forget(first)

    def second(_: object) -> None:
        woken.append("second")

    listen(first)
    listen(second)
    wake()
    forget(second)
    assert woken == ["first", "second"]


def test_the_task_that_a_message_names_wakes_as_well() -> None:
    woken: list[str] = []

    def listener(_: object) -> None:
        woken.append("listener")

    listen(listener)
    ring()
    forget(listener)
    assert (ring.name, woken) == (TASK, ["listener"])
