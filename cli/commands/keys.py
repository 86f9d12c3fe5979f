"""`keys`: generates the keys that seal answers and make fingerprints, checks copies of them, and replaces them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import Group, as_option
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text, new_file

if TYPE_CHECKING:
    from cli.key_rotation import KeyRing, Signer
    from worker.service import Service

_WITH_KEYS = ("JURAT_DATABASE_URL", "JURAT_UNSEAL_KEYS", "JURAT_HASH_KEYS")


@click.group(cls=Group)
def keys() -> None:
    """Generate keys, check stored copies of them, and replace them."""


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


@keys.command(examples=("jurat keys status",), environment=_WITH_KEYS)
def status(out: Output) -> None:
    """Show what each key that is in use or set here is still needed for, and how many live workers have it."""
    from cli.key_rotation import KeyKind, keys_here, uses

    with open_database() as service:
        found = {kind: uses(service, kind, list(map(kind.id_of, keys_here(kind, service)))) for kind in KeyKind}
    rows = [
        (kind, each.id, f"{each.holders} of {each.live}", "; ".join(each.needed_for) or "nothing")
        for kind, keys in found.items()
        for each in keys
    ]
    document = {
        f"{kind}_keys": [{**asdict(each), "needed_for": each.needed_for} for each in keys]
        for kind, keys in found.items()
    }
    out.show(document, columns(("for", "key", "workers", "needed for"), rows))
    if not rows:
        out.say("no key is in use: no answer waits, no code is stored, no worker runs")


print_option = click.option(
    "--print", "printed", is_flag=True, help="Print the setting, and leave the file that holds it alone."
)


@keys.command(examples=("jurat keys add unseal", "jurat keys add hash --print"), environment=_WITH_KEYS)
@click.argument("purpose", type=click.Choice(["unseal", "hash"]))
@print_option
@as_option
def add(out: Output, *, purpose: str, printed: bool, who: str) -> None:
    """Add a new key behind those that are set here: one that opens answers (unseal), or hashes codes and numbers
    (hash). Nothing uses it yet.

    It goes into the file that JURAT_UNSEAL_KEYS_FILE or JURAT_HASH_KEYS_FILE names. Without one, all keys are printed
    as the setting to put in. Keep a copy, give the setting to all workers, restart them, and run `jurat keys use`.
    """
    from cli.key_rotation import ADD, KeyKind, KeyRing

    with open_database() as service:
        ring = KeyRing.read(KeyKind(purpose), service)
        new = ring.kind.new()
        _keep(out, ring.with_keys([*ring.keys, new]), printed=printed)
        key_id = ring.kind.id_of(new)
        ring.note(service, who, ADD, key_id)
    done = "goes with the setting above" if printed or ring.file is None else "was added"
    out.say(f"{key_id} {done}; give it to all workers, restart them, and then run `bin/jurat keys use {key_id}`")


def signing_option(*, required: bool) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """The option for the operator's signing key."""
    return click.option(
        "--signing-key",
        "signing_file",
        metavar="FILE",
        required=required,
        type=click.Path(dir_okay=False, path_type=Path),
        help="The operator's signing key, which platforms pin (see `jurat keys pin`).",
    )


every_option = click.option(
    "--every",
    metavar="DURATION",
    default="30d",
    show_default=True,
    help="Seconds to days until the next key is due. Platforms seal with this one for 90 days longer.",
)


@keys.command(
    examples=("jurat keys use 637557a1f810a1cf", "jurat keys use 637557a1f810a1cf --signing-key /mnt/safe/signing_key"),
    environment=_WITH_KEYS,
    codes={Exit.REFUSED: "a live worker lacks the key, or is of a release that would not use it"},
)
@click.argument("key_id", metavar="ID")
@signing_option(required=False)
@every_option
@as_option
def use(out: Output, *, key_id: str, signing_file: Path | None, every: str, who: str) -> None:
    """Begin to use a key that all live workers have.

    For a key that opens answers, this prints JURAT_SEAL_KEY for the platforms; with a signing key, platforms that pin
    it take the key from the database by themselves. A key that hashes is used by all workers and commands at once,
    whatever the order of their keys.
    """
    from cli.key_rotation import KeyKind, KeyRing, Signer, wait_for_holders
    from jurat.seal import key_to_text, public_key

    with open_database() as service:
        ring = KeyRing.with_key(key_id, service)
        key = ring.key(key_id)
        wait_for_holders(service, ring.kind, key_id, 0.0)
        if ring.kind is KeyKind.UNSEAL and signing_file is not None:
            _begin_epoch(out, service, ring, key, Signer.of(service, signing_file, every), who)
            return
        ring.begin(service, who, key_id)
        if ring.kind is KeyKind.UNSEAL:
            public = key_to_text(public_key(key))
            out.show({"JURAT_SEAL_KEY": public}, [f"JURAT_SEAL_KEY={public}"])
            after = "give this to all platforms"
            if len(ring.keys) > 1:
                after += "; a day after the last sealed with the old key, run `bin/jurat keys retire`"
        else:
            out.show({"in_use": key_id}, [key_id])
            after = "new codes and numbers are hashed with it from now on; the keys before it still find theirs"
    out.say(after)


@keys.command(examples=("jurat keys pin /mnt/safe/signing_key",), environment=())
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def pin(out: Output, *, file: Path) -> None:
    """Make the operator's signing key in FILE, if it is not there, and print the JURAT_SEAL_KEY that pins it.

    Platforms with this setting seal with the newest key that it signed: `jurat keys rotate` replaces that one without
    them. Neither they nor workers get FILE. Keep a copy offline: with another signing key, platforms need another
    setting.
    """
    from cli.key_files import make_signing_key
    from cli.key_rotation import pin_of

    pinned = pin_of(make_signing_key(file))
    out.show({"JURAT_SEAL_KEY": pinned, "file": file}, [f"JURAT_SEAL_KEY={pinned}"])


@keys.command(
    examples=("jurat keys rehash",),
    environment=_WITH_KEYS,
    codes={Exit.REFUSED: "a live worker lacks the key in use, or would not recognise what comes of it"},
)
@as_option
def rehash(out: Output, *, who: str) -> None:
    """Hash stored codes and numbers once more, with the key in use, where only older keys had hashed them.

    For an older key that may have leaked: with it alone, a copy of the tables gives no code away any more. It stays
    needed, beneath the newer one. Workers go on meanwhile. Run it again if it was interrupted. Import rosters again.
    """
    from adapters.fingerprints import Fingerprints
    from cli.key_rotation import KeyKind, KeyRing, wait_for_holders
    from store.hash_keys import for_new_hashes
    from store.rehash import rehash

    with open_database() as service:
        ring = KeyRing.read(KeyKind.HASH, service)
        ring.require_obeying(service)
        with service.database.begin() as connection:
            fingerprints = for_new_hashes(connection, Fingerprints(ring.keys))
        key_id = fingerprints.key_ids[0]
        wait_for_holders(service, ring.kind, key_id, 0.0)
        done = {"codes": 0, "claims": 0}
        for what, changed in rehash(service.database, fingerprints, who):
            done[what] += changed
    out.show({"key": key_id, **done}, [f"{key_id}: {done['codes']:,} codes, {done['claims']:,} claims of numbers"])


@keys.command(
    examples=("jurat keys rotate --signing-key /mnt/safe/signing_key --every 30d",),
    environment=_WITH_KEYS,
    codes={Exit.REFUSED: "a live worker did not take the new key within a minute: run it again"},
)
@signing_option(required=True)
@every_option
@as_option
def rotate(out: Output, *, signing_file: Path, every: str, who: str) -> None:
    """Add a new key that opens answers, wait until all live workers have it, and have platforms seal with it.

    It is `jurat keys add unseal` and `jurat keys use` in one, and goes on where it was refused before. The key goes
    into the file or folder that JURAT_UNSEAL_KEYS_FILE names, which workers read again every ten seconds.
    """
    from cli.key_rotation import ADD, KeyKind, KeyRing, Signer, wait_for_holders

    with open_database() as service:
        signer = Signer.of(service, signing_file, every)
        ring = KeyRing.read(KeyKind.UNSEAL, service)
        if ring.file is None:
            sentence = "JURAT_UNSEAL_KEYS_FILE names no file or folder here; use `bin/jurat keys add` and `keys use`"
            raise Failure(sentence, Exit.USAGE)
        if (key := ring.unused(service)) is None:
            key = ring.kind.new()
            ring.with_keys([*ring.keys, key]).save()
            ring.note(service, who, ADD, ring.kind.id_of(key))
        wait_for_holders(service, ring.kind, ring.kind.id_of(key), PATIENCE)
        _begin_epoch(out, service, ring, key, signer, who)


PATIENCE = 60.0
"""Seconds for which a rotation waits for workers: they look at their keys every ten."""


def _begin_epoch(out: Output, service: Service, ring: KeyRing, key: bytes, signer: Signer, who: str) -> None:
    """Sign a key, have platforms seal with it, and show that."""
    from cli.key_rotation import USE

    with service.database.begin() as connection:
        new = signer.begin_epoch(connection, key)
        ring.note_in(connection, who, USE, new.id)
    document = {"key": new.id, "from_at": new.from_at, "until_at": new.until_at, "JURAT_SEAL_KEY": signer.pin}
    out.show(document, columns(("key", "from", "until"), [(new.id, new.from_at, new.until_at)]))
    out.say(f"platforms with JURAT_SEAL_KEY={signer.pin} seal with it from then on; a day later, retire the one before")


@keys.command(
    examples=(
        "jurat keys retire 637557a1f810a1cf --to /mnt/safe/637557a1f810a1cf",
        "jurat keys retire 637557a1f810a1cf --destroy",
    ),
    environment=_WITH_KEYS,
    codes={Exit.REFUSED: "the key is still needed, or no other is in use in its place"},
)
@click.argument("key_id", metavar="ID")
@click.option(
    "--to",
    "copy",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the key in this new file (0600): a backup that is restored may need it.",
)
@click.option(
    "--destroy",
    is_flag=True,
    help="Overwrite and delete the key: what was sealed for it opens no more, in a backup neither.",
)
@print_option
@as_option
def retire(out: Output, *, key_id: str, copy: Path | None, destroy: bool, printed: bool, who: str) -> None:
    """Take out a key that nothing needs any more.

    It refuses while answers or requests are stored that the key opens, for a day after a platform last sealed with it,
    and while codes, numbers or rosters rest on it.
    """
    from cli.key_files import keep_copy
    from cli.key_rotation import KeyRing
    from jurat.seal import key_to_text
    from store.seal_keys import retire_seal_key

    if (copy is None) is not destroy:
        raise click.UsageError("Give either --to FILE or --destroy.")
    with open_database() as service:
        ring = KeyRing.with_key(key_id, service)
        if destroy and (printed or ring.file is None):
            sentence = f"--destroy needs {ring.kind.setting}_FILE here: it deletes the key from that file or folder"
            raise Failure(sentence, Exit.USAGE)
        key = ring.key(key_id)
        if needs := ring.uses[key_id].needed_for:
            raise Failure(f"{key_id} is still needed for {', '.join(needs)}", Exit.REFUSED)
        if why := ring.not_replaced(key_id, service):
            raise Failure(why, Exit.REFUSED)
        if copy is not None:
            keep_copy(copy, key_to_text(key))
        # The file goes before the commit: a date without the deed would prove something that is not so.
        with service.database.begin() as connection:
            retire_seal_key(connection, key_id)
            ring.note_in(connection, who, "keys retire", key_id, destroyed=destroy)
            _keep(out, ring.with_keys([each for each in ring.keys if each != key]), printed=printed, destroy=destroy)
    what = f"{'give this setting to all workers, and ' if printed or ring.file is None else ''}restart the workers"
    after = f"keep {copy} for as long as backups and erasure journals from its time"
    if destroy:
        after = "destroy all copies of it: what was sealed for it opens as long as there is one"
    out.say(f"{what}, and renew your copies; {after}")


def _keep(out: Output, ring: KeyRing, *, printed: bool, destroy: bool = False) -> None:
    """Write keys into the file or folder that holds their setting, or print them."""
    if ring.file is None or printed:
        out.show({ring.kind.setting: ring.text}, [f"{ring.kind.setting}={ring.text}"])
    else:
        ring.save(destroy=destroy)
        out.show({"file": ring.file, "keys": ring.ids}, [f"{ring.file}: {', '.join(ring.ids)}"])


def _write(folder: Path, new_keys: dict[str, str], *, for_compose: bool) -> list[Path]:
    """Write all files or none: an existing key is worth more than a new one."""
    files = {folder / name.removeprefix("JURAT_").lower(): key for name, key in new_keys.items()}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if existing := [str(file) for file in files if file.exists() or file.is_symlink()]:
        raise Failure(f"{', '.join(existing)}: exists and is not overwritten; choose another folder", Exit.USAGE)
    if for_compose:
        folder.chmod(0o700)
    for file, key in files.items():
        with new_file(file, 0o600) as stream:
            os.fchmod(stream.fileno(), 0o444 if for_compose else 0o600)
            stream.write(key + "\n")
    return list(files)
