"""Prints what `make platform` says: the address, and people to sign in as, with what to type and what happens."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from examples.platform.console import Link
from examples.platform.town import PASSWORD

WIDTH = 100


def welcome(address: str, codes: Sequence[str], settings: Path, links: Sequence[Link], *, new: bool) -> None:
    """Print it."""
    terminal = Console()
    width = min(terminal.width, WIDTH) if terminal.is_terminal else WIDTH
    page = StringIO()
    console = Console(file=page, width=width, highlight=False, markup=False)

    def say(*lines: str) -> None:
        for line in lines:
            console.print(line)

    say("", f"Valmont takes part:  {address}   (Ctrl-C stops it)", "")
    if not new:
        say(
            "The town already exists and stays as it was: confirmed answers stay confirmed. It has new codes.",
            "",
        )
    say(f"Sign in as one of these people. The password of each is {PASSWORD}", "")
    say("Take part in “Participatory budget of the old town”:")
    console.print(
        _people(
            ("ada", "gets in", "6", "Rue des Tanneurs", "99001", f"then the code {codes[0]}",
             "Both answers are accepted, and she may vote."),
            ("ben", "is blocked", "12", "Quai des Sardiniers", "99002", "",
             "That is outside the old town. He sees why, and who to contact. He can ask a person to review it."),
            ("cleo", "waits", "28", "Rue du Passage", "99001", f"then the code {codes[1]}",
             "That is right at the border, so a person decides."),
        )
    )  # fmt: skip
    say("Then, in another browser or a private window:")
    console.print(
        _table(
            ("omar", "administers", "“Administration”: create a consultation, print codes, see the figures."),
        )
    )
    say(
        "In the console of jurat, Rhea reviews: she decides about Cleo, and Cleo’s page changes. Omar may as",
        "well, and Nora sees whether all goes well. Each link signs in once, within 15 minutes:",
    )
    for link in links:
        console.print(f"  {link.name:<4}  {link.url}", soft_wrap=True)
    say("")
    say(
        "“Care close to home” asks a registry: 9000010000 Iris Valombre is a physician and gets in,",
        "9000011487 Solène Brévan is a pharmacist and does not.",
        "",
        "You cannot change an answer after you confirm it.",
        "To try more, create accounts of your own and use these codes:",
    )
    for start in range(2, len(codes), 4):
        say("  " + "  ".join(codes[start : start + 4]))
    say("", "On the command line:")
    console.print(f"  set -a; . {settings}; set +a; bin/jurat review list", soft_wrap=True)
    say("")
    print(*(line.rstrip() for line in page.getvalue().splitlines()), sep="\n", flush=True)


def _people(*rows: tuple[str, str, str, str, str, str, str]) -> Padding:
    return _table(
        *(
            (name, what, "\n".join(filter(None, (f"{number} {street}, {postcode} Valmont", more, then))))
            for name, what, number, street, postcode, more, then in rows
        )
    )


def _table(*rows: tuple[str, str, str]) -> Padding:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for width in (4, 11, None):
        table.add_column(min_width=width, no_wrap=width is not None)
    for row in rows:
        table.add_row(*row)
    return Padding(table, (0, 0, 1, 2))
