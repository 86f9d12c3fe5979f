"""Makes one-line mistakes in safety-relevant code, each by itself, and shows that the tests find them: `make mutants`.

    python -m bench.mutants                        every mutation in mutants.toml, with the tests that it names
    python -m bench.mutants fence '*lease*'        one area, and those that a glob matches
    python -m bench.mutants --all-tests fence      with all tests of `make test`

The mutations are made in copies of the working tree, never in the tree itself. Ends with 1 where one survives, where
an entry does not match exactly one line, or where its tests fail without it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from bench.mutants.mutations import LIST, Mutation, NoMatch, read
from bench.mutants.trial import PATIENCE, TIMES, Copy, Ran, Verdict

ROOT = Path(__file__).resolve().parents[2]
SUITE = ("tests", "-m", "not slow and not stacks and not browser and not containers and not alerts and not bench")
"""What `make test` runs."""

Item = TypeVar("Item")


def main(arguments: Sequence[str], root: Path = ROOT, file: Path = LIST) -> int:
    """Run what the command line asks for; the exit code."""
    options = _options(arguments)
    chosen = [each for each in read(file) if not options.name or any(map(each.is_called, options.name))]
    wrong = [said for each in chosen if (said := mismatch(each, root))]
    if wrong or not chosen:
        print("\n".join(wrong) or f"no mutation is called so; see {file.name}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="jurat-mutants-") as folder:
        copies = [Copy(root, Path(folder) / str(number)) for number in range(options.jobs)]
        return _try_all(chosen, copies, all_tests=options.all_tests)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="*", help="an area, or a glob for 'area: what it breaks' (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once, each in a copy of its own")
    parser.add_argument("--all-tests", action="store_true", help="run all fast tests, not those that an entry names")
    return parser.parse_args(arguments)


def mismatch(mutation: Mutation, root: Path) -> str | None:
    """Why a mutation does not fit the code below `root`, None where it does."""
    try:
        mutation.mutated(root)
    except NoMatch as error:
        return f"{mutation.name}\n    {error}"
    return None


def _try_all(mutations: Sequence[Mutation], copies: Sequence[Copy], *, all_tests: bool) -> int:
    """Run the tests without any mutation first: one that fails anyway kills nothing."""

    def tests_of(mutation: Mutation) -> tuple[str, ...]:
        return SUITE if all_tests else mutation.targets

    def mutated(copy: Copy, mutation: Mutation) -> Ran:
        with copy.mutated(mutation):
            return copy.run(tests_of(mutation), PATIENCE + TIMES * sound[tests_of(mutation)].seconds)

    targets = list(dict.fromkeys(map(tests_of, mutations)))
    print(f"{len(targets)} sets of tests, first without a mutation ...", flush=True)
    sound = dict(zip(targets, _each(targets, copies, Copy.run), strict=True))
    red = {tests: ran for tests, ran in sound.items() if ran.verdict is not Verdict.SURVIVED}
    for tests, ran in red.items():
        print(f"these fail without any mutation: {' '.join(tests)}\n    {ran.said}", flush=True)
    ready = [each for each in mutations if tests_of(each) not in red]
    counts = Counter({Verdict.KILLED: 0, Verdict.NOT_RUN: len(mutations) - len(ready)})
    for mutation, ran in zip(ready, _each(ready, copies, mutated), strict=True):
        counts[ran.verdict] += 1
        print(f"{ran.verdict:8} {ran.seconds:6.1f} s  {mutation.name:75}  {ran.said}".rstrip(), flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count or verdict is Verdict.KILLED))
    return 0 if counts[Verdict.KILLED] == len(mutations) else 1


def _each(items: Iterable[Item], copies: Sequence[Copy], do: Callable[[Copy, Item], Ran]) -> Iterator[Ran]:
    """What `do` gives for each item, in their order, each in a copy that nothing else uses meanwhile."""
    free = SimpleQueue[Copy]()
    for copy in copies:
        free.put(copy)

    def in_copy(item: Item) -> Ran:
        copy = free.get()
        try:
            return do(copy, item)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from pool.map(in_copy, items)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
