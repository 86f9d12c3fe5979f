"""Rounds are interleaved and fair."""

from __future__ import annotations

from bench.speed.plan import ARMS, BY_NAME, EVERY, OF_ITS_OWN, Kind, Part, chosen, steps


def test_each_round_has_every_arm_of_every_part_once() -> None:
    planned = steps(3, ARMS, list(Part))
    for number in (1, 2, 3):
        mine = [(step.part, step.arm.name) for step in planned if step.round == number]
        assert sorted(mine) == sorted({(part, arm.name) for arm in ARMS for part in arm.parts})
    assert [step.round for step in planned] == sorted(step.round for step in planned)


def test_each_round_begins_with_another_arm() -> None:
    arms = ("jurat-64", "celery-threads", "taskiq")
    planned = steps(3, [BY_NAME[name] for name in arms], [Part.AT_ONCE])
    assert [step.arm.name for step in planned[::3]] == list(arms)


def test_an_arm_without_a_part_is_left_out_of_it() -> None:
    assert steps(2, [BY_NAME["jurat-silent"]], [Part.STORM]) == []


def test_all_names_every_arm_and_no_name_the_usual_parts_of_some() -> None:
    assert chosen([EVERY]) == list(ARMS)
    usual = {arm.name: arm.parts for arm in chosen([])}
    assert usual["jurat-64"] == set(Part) - {Part.LIMITS, Part.STEPS}
    assert usual["celery-gevent"] == {Part.AT_ONCE, Part.SLOW}
    assert "procrastinate" not in usual
    assert all(arm.usual <= arm.parts for arm in ARMS)


def test_three_usual_rounds_of_8_s_take_no_more_than_25_minutes() -> None:
    # Seconds that a step takes with all that is around its measured work, by the rows' own `spent_s`.
    seconds = {Part.AT_ONCE: 20, Part.SLOW: 20, Part.PACED: 28, Part.STORM: 24, Part.ENQUEUE: 8}
    assert sum(seconds[step.part] for step in steps(3, chosen([]), list(seconds))) <= 25 * 60


def test_jurat_and_plain_celery_take_part_in_everything() -> None:
    for kind in (Kind.JURAT, Kind.CELERY):
        assert {part for arm in ARMS if arm.kind is kind for part in arm.parts} >= set(Part) - OF_ITS_OWN


def test_limits_are_compared_with_none_and_processes_with_the_bare_loop() -> None:
    taking = {part: {arm.name: arm for arm in ARMS if part in arm.usual} for part in OF_ITS_OWN}
    limits = [(arm.rate, arm.concurrency) for arm in taking[Part.LIMITS].values()]
    assert limits[:2] == [(None, None), ("20000/s", None)]
    assert [most for _, most in limits[2:]] == [64, 128, 256, 512, 1024]
    processes = [(arm.kind, arm.processes) for arm in taking[Part.PROCESSES].values()]
    assert processes == [(kind, number) for kind in (Kind.JURAT, Kind.BARE) for number in (1, 2, 4)]


def test_two_processes_of_128_slots_do_1280_checks_a_second_at_best_when_a_look_up_takes_200_ms() -> None:
    assert BY_NAME["jurat-128"].ideal == 1280
