"""Pages of the documentation as their readers use them: blocks to run, links to follow, commands to type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = [ROOT / "examples" / "README.md", *(ROOT / "examples").glob("*/README.md")]
PAGES = sorted(
    [*map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *(ROOT / "docs").rglob("*.md"), *EXAMPLES]
)

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>.+?) -->\n+)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_EXIT_CODE = re.compile(r"# exit code (\d+)")
_COMMAND = re.compile(r"(?:^|[\s(])(?:bin/)?jurat ([a-z][^)\n]*)", re.MULTILINE)
_HEREDOC = re.compile(r"<<'?(\w+)'?")


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is where its text begins; `not_run` says why it cannot be run here."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> Iterator[tuple[str, int]]:
        """The commands of a shell block, each with the exit code that its comment promises."""
        lines = iter(self.text.splitlines())
        for line in lines:
            command = [line]
            while command[-1].endswith("\\"):
                command.append(next(lines))
            if found := _HEREDOC.search(line):
                while command[-1] != found[1]:
                    command.append(next(lines))
            if line and not line.startswith("#"):
                whole = "\n".join(command)
                promised = _EXIT_CODE.search(whole)
                yield whole, int(promised[1]) if promised else 0


def blocks(page: Path, *languages: str) -> list[Block]:
    """The blocks of a page in these languages, in order."""
    text = page.read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, found.start("text")) + 1, found["language"], found["text"], found["why"])
        for found in _FENCE.finditer(text)
        if found["language"] in languages
    ]


def block(page: Path, language: str, holding: str = "") -> str:
    """The text of the one block in this language that has `holding` in it."""
    (found,) = [each.text for each in blocks(page, language) if holding in each.text]
    return found


def sections(page: Path) -> list[str]:
    """The headings of the second level, in order."""
    return re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)


def lines_of(page: Path, section: str) -> tuple[int, int]:
    """The line of a heading of the second level, and that of the next one or of the end."""
    heads = [
        (number, line[3:]) for number, line in enumerate(page.read_text("utf-8").splitlines(), 1) if line[:3] == "## "
    ]
    numbers = [number for number, _ in heads] + [len(page.read_text("utf-8").splitlines()) + 1]
    at = [title for _, title in heads].index(section)
    return numbers[at], numbers[at + 1]


def links(page: Path) -> list[str]:
    """The targets of the page's links to other files and places of the repository."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    return [found["target"] for found in _LINK.finditer(text) if "://" not in found["target"]]


def anchors(page: Path) -> set[str]:
    """The names under which the headings of a page can be linked to, as forges make them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-").lower() for title in titles}


def command_lines(page: Path) -> list[tuple[str, str]]:
    """Every `bin/jurat …` and `jurat …` in the code of a page, in blocks or inline, with its place."""
    text = page.read_text("utf-8")
    found = [(each.line, line) for each in blocks(page, "sh") for line in _COMMAND.findall(each.text)]
    found += [
        (text.count("\n", 0, span.start()) + 1, line)
        for span in re.finditer(r"(?<!`)`([^`\n]+)`", text)
        for line in _COMMAND.findall(span[1])
    ]
    return [(f"{page.relative_to(ROOT)}:{line}", command) for line, command in found]


_MASKS = {
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}": "ID",
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?": "TIME",
    r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}": "CODE",
    r"\b[0-9a-f]{16}\b": "KEY",
    r"applied by \S+": "applied by WHO",
    r"\b\d+(?:\.\d+)? ms\b": "MS",
    r"(?m)^version \d+$": "version N",
    r"127\.0\.0\.1:\d+": "HOST",
    r"(?m)^\d+ +(\S+)@\S+ +(\S+) +\d+ s ago": r"PID \1@HOST \2 SEEN",
    r"SQLite [\d.]+": "SQLite N",
    r"looked in \S+\)": "looked in FOLDER)",
    r"[ \t]+": " ",
}


def masked(text: str) -> list[str]:
    """The lines of an output without what is different each time: ids, times, codes, names of machines, spacing."""
    for pattern, mask in _MASKS.items():
        text = re.sub(pattern, mask, text)
    return [line.strip() for line in text.strip().splitlines()]


def is_shown(shown: str, said: str) -> bool:
    """Whether a program said what a page shows.

    A line `…` on the page is any lines, or none. One that ends with a backslash goes on in the next.
    """
    shown = re.sub(r" \\\n *", " ", shown)
    pattern = "".join("(?:.*\n)*" if line == "…" else f"{re.escape(line)}\n" for line in masked(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in masked(said))) is not None
