"""`keys`: generates the keys that seal answers and make fingerprints."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cli.command import Group
from cli.output import Exit, Failure, Output


@click.group(cls=Group)
def keys() -> None:
    """Generate keys."""


@keys.command(
    examples=(
        "(umask 077; set -C; jurat keys generate > .env)",
        "jurat keys generate --out-dir /etc/jurat/secrets",
        "jurat keys generate --out-dir secrets --for-compose",
    ),
)
@click.option(
    "--out-dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files seal_key, unseal_keys and hash_keys there, for you alone (0600), instead of printing them.",
)
@click.option(
    "--for-compose",
    is_flag=True,
    help="Make the folder yours alone (0700) and its files readable (0444): a container's user is another one, and "
    "sees a file with the rights that it has outside.",
)
@click.pass_obj
def generate(out: Output, *, out_dir: Path | None, for_compose: bool) -> Exit:
    """Generate a new set of keys, and print them as settings: for a new installation.

    Where answers wait or codes were made, bring back their keys: new ones open and find nothing of what is there. A
    second set in one file hides the first. `set -C` keeps the shell from writing over a file that is there.

    JURAT_SEAL_KEY is public: the platform seals answers with it. JURAT_UNSEAL_KEYS opens them and JURAT_HASH_KEYS
    makes the fingerprints of access codes: these two belong on the workers' machines alone. Keep copies: without
    them, waiting answers cannot be opened any more and no code is found.
    """
    from jurat.seal import generate as new_pair
    from jurat.seal import key_id, key_to_text

    if for_compose and out_dir is None:
        raise click.UsageError("--for-compose needs --out-dir.")
    private, public = new_pair()
    made = {
        "JURAT_SEAL_KEY": key_to_text(public),
        "JURAT_UNSEAL_KEYS": key_to_text(private),
        "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
    }
    if out_dir is None:
        out.show(made, (f"{name}={key}" for name, key in made.items()))
        return Exit.DONE
    files = _write(out_dir, made, for_compose=for_compose)
    public_part = {"JURAT_SEAL_KEY": made["JURAT_SEAL_KEY"]}
    out.show({**public_part, "files": files}, (f"{name}={key}" for name, key in public_part.items()))
    out.say(f"wrote {', '.join(map(str, files))}; the pair has the id {key_id(public)}")
    return Exit.DONE


def _write(folder: Path, made: dict[str, str], *, for_compose: bool) -> list[Path]:
    """Write all files or none; a key that is there already is worth more than a new one."""
    files = {folder / name.removeprefix("JURAT_").lower(): key for name, key in made.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = [str(file) for file in files if file.exists() or file.is_symlink()]
    if there:
        raise Failure(f"{', '.join(there)}: there already, and not overwritten; choose another folder", Exit.USAGE)
    if for_compose:
        folder.chmod(0o700)
    mode = 0o444 if for_compose else 0o600
    for file, key in files.items():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            os.fchmod(handle, mode)
            stream.write(key + "\n")
    return list(files)
