"""How often the alarm on outcome shares errs: false alarms in a year of steady shares, and time until a jump is seen.

Run it as `python -m bench.outcome_shares`: it needs no database. It looks four times an hour.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from jurat.vocabulary import Reason
from tasks.rules.outcome_shares import DAY, RECENT, USUAL, WINDOWS, Jump, Usual, find_jump

LOOKS = 4
"""Looks at the counts in an hour."""

STEADY: Mapping[str, float] = {
    Reason.RECORD_MATCHES: 0.80,
    Reason.NAME_DIFFERS: 0.06,
    Reason.RECORD_NOT_FOUND: 0.05,
    Reason.STATUS_INACTIVE: 0.04,
    Reason.AMBIGUOUS_RECORD: 0.03,
    Reason.STATUS_UNKNOWN: 0.015,
    Reason.RECORD_NOT_PUBLIC: 0.005,
}

Rate = Callable[[int], float]
"""Expected results in an hour, by its number."""


def steady(per_day: float) -> Rate:
    """The same at each hour."""
    return lambda _: per_day / 24


def evenings(per_day: float) -> Rate:
    """Nothing at night, half of the day's results from 18 to 22, and twenty times as many on each 28th day: a vote ends
    then.
    """
    hours = [0.0] * 7 + [1 / 22] * 11 + [1 / 8] * 4 + [0.0] * 2

    def rate(hour: int) -> float:
        return per_day * hours[hour % 24] * (20 if hour // 24 % 28 == 27 else 1)

    return rate


def jumped(share: float, reason: Reason = Reason.NAME_DIFFERS) -> dict[str, float]:
    """The shares after a reason has got this one; the others keep their proportions."""
    rest = (1 - share) / (1 - STEADY[reason])
    return {each: share if each == reason else usual * rest for each, usual in STEADY.items()}


def run(
    rate: Rate, shares: Callable[[int], Mapping[str, float]], hours: int, dice: random.Random, alike: int = 1
) -> Iterator[tuple[int, Jump | None]]:
    """The results until then and what a look finds, look by look. Of results that come together, `alike` in a row have
    the same reason, as members of one body have.
    """
    past: deque[Counter[str]] = deque(maxlen=RECENT + USUAL)
    usual: Counter[str] = Counter()
    day: Counter[str] = Counter()
    results = 0
    for hour in range(hours):
        past.append(Counter())
        if len(past) > RECENT:
            usual.update(past[-RECENT - 1])
            day = sum(islice(reversed(past), RECENT, RECENT + DAY), Counter[str]())
        names, weights = zip(*shares(hour).items(), strict=True)
        for _ in range(LOOKS):
            groups = _poisson(rate(hour) / LOOKS / alike, dice)
            past[-1].update(name for name in dice.choices(names, weights, k=groups) for _ in range(alike))
            results += groups * alike
            yield results, find_jump(_recent(past), Usual(usual, day)) if groups else None
        if len(past) == past.maxlen:
            usual.subtract(past[0])


def _recent(past: deque[Counter[str]]) -> dict[int, Counter[str]]:
    """The results of each window."""
    found: dict[int, Counter[str]] = {}
    total: Counter[str] = Counter()
    for hours, counts in enumerate(islice(reversed(past), RECENT), 1):
        total.update(counts)
        if hours in WINDOWS:
            found[hours] = total.copy()
    return found


def false_alarms(rate: Rate, years: int, dice: random.Random, alike: int = 1) -> int:
    """How often shares that never change raise the alarm: days with one."""
    looks = run(rate, lambda _: STEADY, years * 365 * 24, dice, alike)
    return len({number // (24 * LOOKS) for number, (_, jump) in enumerate(looks) if jump})


def time_to_alarm(per_day: float, share: float, dice: random.Random) -> tuple[float, int] | None:
    """Hours and results from a jump in the middle of an hour until the alarm; None if there is none in a week."""
    begin = RECENT + USUAL
    before = 0
    shares, after = STEADY, jumped(share)
    looks = run(steady(per_day), lambda hour: shares if hour < begin else after, begin + USUAL, dice)
    for number, (results, jump) in enumerate(looks):
        if number < begin * LOOKS:
            before = results
        elif jump:
            return (number + 1) / LOOKS - begin, results - before
    return None


def _poisson(mean: float, dice: random.Random) -> int:
    """A number of events: exactly for few, by the normal curve for many."""
    if mean > 50:
        return max(0, round(dice.gauss(mean, mean**0.5)))
    count, left = -1, mean
    while left >= 0:
        left -= dice.expovariate(1.0)
        count += 1
    return count


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=10, help="source years for each rate; 0 for none")
    parser.add_argument("--jumps", type=int, default=50, help="jumps for each rate and share")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    dice = random.Random(asked.seed)
    print(f"days with a false alarm in {asked.years} source years of steady shares")
    for per_day in (5, 30, 200, 1000):
        found = (
            false_alarms(steady(per_day), asked.years, dice),
            false_alarms(evenings(per_day), asked.years, dice),
            false_alarms(steady(per_day), asked.years, dice, alike=3),
        )
        print(f"  {per_day:>5} a day: {found[0]} at an even pace, {found[1]} with evenings and crowds, ", end="")
        print(f"{found[2]} in groups of three that are alike")
    print(f"median time from a jump of name_differs ({STEADY[Reason.NAME_DIFFERS]:.0%} before) to the alarm")
    for per_day in (5, 30, 200, 1000, 10_000):
        parts = []
        for share in (0.3, 0.6, 1.0):
            alarms = [time_to_alarm(per_day, share, dice) for _ in range(asked.jumps)]
            seen = sorted(each for each in alarms if each)
            missed = asked.jumps - len(seen)
            text = f"to {share:.0%}: "
            text += f"{seen[len(seen) // 2][0]:.1f} h, {seen[len(seen) // 2][1]} results" if seen else "never"
            parts.append(text + (f" ({missed} of {asked.jumps} not in a week)" if missed else ""))
        print(f"  {per_day:>6} a day: {'; '.join(parts)}")


if __name__ == "__main__":
    main()
