"""`history`: seals what was decided and done, so that a change of it is found."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.command import Group, as_option
from cli.database import LOCKED, open_database
from cli.output import Exit, Failure, Output, columns, count_text, new_file, time_text

if TYPE_CHECKING:
    from nacl.signing import SigningKey, VerifyKey

_LARGEST = 1 << 20
"""Bytes that are read of a receipt or a key."""

_FILE = click.Path(dir_okay=False, path_type=Path)

heads_option = click.option(
    "--heads",
    metavar="FILE",
    type=_FILE,
    required=True,
    help="The file of signed heads. It belongs on a machine that neither workers nor the database can write to.",
)


@click.group(cls=Group)
def history() -> None:
    """Seal what was decided and done, so that `db verify` finds any change to it."""


@history.command(examples=("jurat history key /etc/jurat/history",), environment=())
@click.argument("file", metavar="FILE", type=_FILE)
def key(out: Output, *, file: Path) -> None:
    """Make the key that signs: FILE, for the sealer alone, and FILE.pub, for everyone who verifies."""
    from nacl.signing import SigningKey

    from jurat.seal import key_to_text

    private = SigningKey.generate()
    public = file.with_name(f"{file.name}.pub")
    try:
        with new_file(public, 0o644) as stream:
            stream.write(f"{key_to_text(bytes(private.verify_key))}\n")
            with new_file(file, 0o600) as secret:
                secret.write(f"{key_to_text(bytes(private))}\n")
    except OSError as error:
        raise Failure(f"{file} cannot be written ({error.strerror})", Exit.USAGE) from None
    out.show({"private": str(file), "public": str(public)}, [f"wrote {file} and {public}"])


@history.command(examples=("jurat history begin",))
@as_option
def begin(out: Output, *, who: str) -> None:
    """Begin the history, as the owner of the tables: what is there now and what comes waits to be sealed.

    It may be run again. While it begins, writers wait for a moment; then it goes on beside them.
    """
    from sqlalchemy.exc import OperationalError

    from store.history import sealer

    with open_database() as service:
        try:
            waiting = sealer.begin(service.database, who)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCKED:
                raise
            why = "another session holds one of the tables; nothing was changed, try again"
            raise Failure(why, Exit.DEPENDENCY) from None
    out.show({"waiting": waiting or 0}, [f"{count_text(waiting or 0, 'row')} of before wait to be sealed"])
    out.say("it had begun" if waiting is None else "now run `bin/jurat history seal`")


@history.command(
    examples=("jurat history seal --key /etc/jurat/history --heads /var/lib/jurat/heads",),
    environment=("JURAT_DATABASE_URL", "JURAT_LOG"),
    codes={Exit.DONE: "it was stopped", Exit.REFUSED: "the history cannot be continued, and why"},
)
@click.option(
    "--key", "key_file", metavar="FILE", type=_FILE, required=True, help="The private key, as `key` wrote it."
)
@heads_option
@click.option("--every", "period", metavar="SECONDS", type=click.FloatRange(1, 86_400), default=60.0, show_default=True)
@click.option("--once", is_flag=True, help="Seal what waits now, and end.")
def seal(out: Output, *, key_file: Path, heads: Path, period: float, once: bool) -> Exit:
    """Seal what waits each minute: add it to a Merkle tree (RFC 9162) and sign its head, until it is stopped.

    One process is enough. It needs the rights of jurat_sealer, and is the only one that has the key. Each head is also
    a line of the log.
    """
    from sqlalchemy.exc import DBAPIError

    from config.logger import get_logger
    from jurat.errors import ConfigurationError
    from store.history.sealer import HistoryError, Sealer
    from worker.logs import set_up

    if out.json:
        raise click.UsageError("--json does not apply: logs are JSON with JURAT_LOG=json.")
    log, ended = get_logger("jurat.history"), threading.Event()
    for number in () if once else (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if not once:
        os.nice(10)  # workers on the same machine come first; a history may wait for minutes
    with open_database() as service:
        set_up(service.settings.log)
        sealer = Sealer(service.database, _signing_key(key_file), heads)
        while not ended.is_set():
            more = False
            try:
                turn = sealer.turn()
                more = turn.more
                if turn.head is not None:
                    log.info(
                        "sealed", leaves=turn.leaves, tree_size=turn.head.tree_size, root=turn.head.root_hash.hex()
                    )
            except HistoryError as error:
                raise Failure(str(error), Exit.REFUSED) from None
            except (DBAPIError, ConfigurationError) as error:
                if once:
                    raise
                log.warning("not sealed", why=_why(error), advice=f"it tries again in {period:g} s")
            if not more:
                if once:
                    break
                ended.wait(period)
    return Exit.DONE


def _why(error: Exception) -> str:
    """Why nothing was sealed, for the log."""
    from jurat.database import is_away, state_of
    from jurat.errors import ConfigurationError

    if isinstance(error, ConfigurationError):
        return str(error)
    if state_of(error) == LOCKED:
        return "another session holds a lock that it needs"
    return "the database is away" if is_away(error) else f"the database refused it ({state_of(error)})"


@history.command(
    examples=("jurat history receipt 0198c2a4-7c1e-7a53-8d41-3d0f1a2b4c5d > receipt.json",),
    codes={Exit.REFUSED: "there is no receipt, and why"},
)
@click.argument("subject", metavar="ID", type=click.UUID)
def receipt(out: Output, *, subject: Any) -> None:
    """Print the receipt of a request, such as an erasure, or of a row of the audit: ID is its id.

    It proves what was done and that it was sealed, to anyone who has the public key. It names no participant.
    """
    from store.history import receipts

    with open_database() as service:
        try:
            document = receipts.receipt(service.database, str(subject))
        except receipts.NoReceipt as error:
            raise Failure(str(error), Exit.REFUSED) from None
    out.show(document, [json.dumps(document, indent=2)])


@history.command(
    examples=("jurat history check receipt.json --key history.pub",),
    environment=(),
    codes={Exit.DONE: "the receipt proves what is printed", Exit.REFUSED: "it proves nothing, and why"},
)
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--key", "key_file", metavar="FILE", type=_FILE, required=True, help="The public key, FILE.pub of `key`.")
def check(out: Output, *, file: Path, key_file: Path) -> None:
    """Check a receipt. It needs no database."""
    from config.regular_files import read_given
    from store.history import receipts

    try:
        document = json.loads(read_given(file, _LARGEST))
    except OSError as error:
        raise Failure(f"{file} cannot be read ({error.strerror})", Exit.USAGE) from None
    except (ValueError, RecursionError):
        raise Failure(f"{file}: this is no JSON", Exit.USAGE) from None
    try:
        proved = receipts.check_receipt(document, verify_key(key_file))
    except receipts.NoReceipt as error:
        raise Failure(f"{file}: {error}", Exit.REFUSED) from None
    rows = [*((name, value) for name, value in proved.items() if name != "row"), *proved["row"].items()]
    out.show(proved, columns(("what", "value"), [(name, value) for name, value in rows if value is not None])[1:])
    out.say(f"proved, and sealed before {time_text(proved['sealed_before'])}")


def verify_key(file: Path) -> VerifyKey:
    """The public key in a file. Raises Failure."""
    from nacl.signing import VerifyKey

    return VerifyKey(_key(file))


def _signing_key(file: Path) -> SigningKey:
    from nacl.signing import SigningKey

    return SigningKey(_key(file))


def _key(file: Path) -> bytes:
    from config.regular_files import read_given
    from jurat.errors import ConfigurationError
    from jurat.seal import key_from_text

    try:
        return key_from_text(read_given(file, _LARGEST).decode("ascii"), str(file))
    except OSError as error:
        raise Failure(f"{file} cannot be read ({error.strerror})", Exit.USAGE) from None
    except (ConfigurationError, UnicodeDecodeError):
        raise Failure(
            f"{file} holds no key: 32 bytes in base64, as `bin/jurat history key` writes", Exit.USAGE
        ) from None
