"""`keys`: generates the keys that seal answers and make fingerprints, and checks stored copies of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from cli.command import Group, as_option
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text, new_file


@click.group(cls=Group)
def keys() -> None:
    """Generate keys, and check stored copies of them."""


@keys.command(
    examples=(
        "(umask 077; set -C; jurat keys generate > .env)",
        "jurat keys generate --out-dir /etc/jurat/secrets",
        "jurat keys generate --out-dir secrets --for-compose",
    ),
    environment=(),
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
    help="Make the folder yours alone (0700) and its files readable by all (0444): a container's user is another one, "
    "and files keep their rights inside.",
)
def generate(out: Output, *, out_dir: Path | None, for_compose: bool) -> None:
    """Generate a new set of keys, and print them as settings: for a new installation.

    If answers wait or codes exist, restore their keys: new keys cannot open or find them. A second set in the same file
    hides the first. `set -C` keeps the shell from overwriting an existing file.

    JURAT_SEAL_KEY is public: the platform seals answers with it. JURAT_UNSEAL_KEYS opens them, and JURAT_HASH_KEYS
    makes the fingerprints of access codes: these two belong only on the workers' machines. Keep copies: without them,
    waiting answers cannot be opened and no code is found.
    """
    from jurat.seal import generate as new_pair
    from jurat.seal import key_id, key_to_text

    if for_compose and out_dir is None:
        raise click.UsageError("--for-compose needs --out-dir.")
    private, public = new_pair()
    new_keys = {
        "JURAT_SEAL_KEY": key_to_text(public),
        "JURAT_UNSEAL_KEYS": key_to_text(private),
        "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
    }
    if out_dir is None:
        out.show(new_keys, (f"{name}={key}" for name, key in new_keys.items()))
        return
    files = _write(out_dir, new_keys, for_compose=for_compose)
    seal_key = new_keys["JURAT_SEAL_KEY"]
    out.show({"JURAT_SEAL_KEY": seal_key, "files": files}, [f"JURAT_SEAL_KEY={seal_key}"])
    out.say(f"wrote {', '.join(map(str, files))}; the pair has the id {key_id(public)}")


@keys.command(
    examples=("jurat keys check /mnt/safe/unseal_keys /mnt/safe/hash_keys",),
    codes={
        Exit.DONE: "the copies are complete, and that was noted",
        Exit.REFUSED: "a key that is in use is in none of the files",
    },
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@as_option
def check(out: Output, *, files: Sequence[Path], who: str) -> Exit:
    """Check that stored copies of the private keys have every key in use: of waiting answers, of codes and numbers, and
    of live workers.

    FILE holds keys as JURAT_UNSEAL_KEYS or JURAT_HASH_KEYS do. A key is recognised by its id, which is a digest of it;
    none is shown or stored. A complete check is noted in the audit. From the first one on, `jurat now` and the alert
    JuratKeysUnverified say when the last was more than 31 days ago.
    """
    from cli.diagnosis.key_copies import copies_in, keys_in_use
    from store.monitoring.notes import note_keys

    copies = copies_in(files)
    with open_database() as service:
        in_use = keys_in_use(service.queries)
        if not in_use:
            raise Failure("no key is in use: no answer waits, no code is stored, no worker runs", Exit.USAGE)
        missing = sorted(set(in_use) - set(copies))
        if not missing:
            note_keys(service.database, who, in_use)
    rows = [(key, use, copies.get(key, "missing")) for key, use in sorted(in_use.items())]
    document = {"ok": not missing, "keys": [dict(zip(("id", "use", "file"), row, strict=True)) for row in rows]}
    out.show(document, columns(("key", "use", "file"), rows))
    if missing:
        out.say(f"jurat: {count_text(len(missing), 'key')} in use without a copy here: find the key before it is lost")
    return Exit.REFUSED if missing else Exit.DONE


def _write(folder: Path, new_keys: dict[str, str], *, for_compose: bool) -> list[Path]:
    """Write all files or none: an existing key is worth more than a new one."""
    files = {folder / name.removeprefix("JURAT_").lower(): key for name, key in new_keys.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    existing = [str(file) for file in files if file.exists() or file.is_symlink()]
    if existing:
        raise Failure(f"{', '.join(existing)}: exists and is not overwritten; choose another folder", Exit.USAGE)
    if for_compose:
        folder.chmod(0o700)
    for file, key in files.items():
        with new_file(file, 0o600) as stream:
            os.fchmod(stream.fileno(), 0o444 if for_compose else 0o600)
            stream.write(key + "\n")
    return list(files)
