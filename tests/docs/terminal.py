"""A terminal as a reader has it: one shell, in a clone, that runs the commands of a page as they are."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.docs.pages import Block, blocks, is_shown, lines_of

_END = "--- the command has ended:"


class Terminal:
    """One bash, with the variables and jobs of what ran before. Ends everything that it started."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a command, and what it said on both streams."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\nprintf '\\n{_END} %d\\n' \"$?\"\n")
        self._shell.stdin.flush()
        said: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                return int(line.removeprefix(_END)), "".join(said).removesuffix("\n")
            said.append(line)
        raise AssertionError(f"the shell ended at: {command}\n{''.join(said)}")

    def follow(self, page: Path, *, instead: Mapping[str, str] | None = None, section: str | None = None) -> None:
        """Do what a page says: run its shell blocks, and compare what it shows behind them.

        Of one `section`, those below the heading of this name alone.
        """
        following = blocks(page, "sh", "text")
        if section is not None:
            first, last = lines_of(page, section)
            following = [each for each in following if first < each.line < last]
        for index, block in enumerate(following):
            if block.language == "text" or block.not_run:
                continue
            said = self.run_block(block, instead or {})
            after = following[index + 1] if index + 1 < len(following) else None
            if after is not None and after.language == "text":
                assert is_shown(after.text, said), f"{after} shows something else than\n{said}"

    def run_block(self, block: Block, instead: Mapping[str, str]) -> str:
        """Run the commands of one block. `instead` replaces parts of them that only the reader knows."""
        everything = []
        for command, promised in block.commands:
            changed = command
            for part, replacement in instead.items():
                changed = changed.replace(part, replacement)
            code, said = self.run(changed)
            assert code == promised, f"{block}: `{command}` ended with {code}\n{said}\n{self._logs()}"
            everything.append(said)
        return "".join(everything)

    def close(self) -> None:
        """End the shell and all its jobs at once: a page that wants them to end gently says so itself."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        for stream in (self._shell.stdin, self._shell.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _logs(self) -> str:
        logs: Collection[Path] = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text('utf-8')[-3000:]}" for log in logs)
