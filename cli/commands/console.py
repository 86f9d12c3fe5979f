"""`console`: shows what waits and what is wrong in a browser; staff decide and act there."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import click

from cli.command import command, whoami
from cli.output import Exit, Failure, Output

if TYPE_CHECKING:
    from config.settings import Settings
    from console.identity.oidc import Provider
    from console.identity.proxy import TrustedProxy
    from console.identity.roles import Person
    from console.parts import Ways

_LISTEN = "127.0.0.1:8098"
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:]*)):(?P<port>[0-9]{1,5})")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_ROLES = "reader, reviewer, administrator, operator"


@command(
    examples=(
        "jurat console",
        "jurat console --link reviewer:clerk-7 --link operator:night-watch",
        "jurat console --url https://console.example --proxy-header X-Remote-User --trusted-proxy 127.0.0.1",
        "jurat console --oidc-issuer https://id.example --oidc-client jurat --oidc-role reviewer=clerks",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_SEAL_KEY", "JURAT_HASH_KEYS", "JURAT_OIDC_SECRET", "JURAT_LOG"),
    codes={Exit.DONE: "it was stopped", Exit.USAGE: "wrong usage or settings, or the address cannot be used"},
)
@click.option("--listen", metavar="HOST:PORT", default=_LISTEN, help="Where to listen; with port 0 any that is free.")
@click.option("--url", metavar="URL", help="Where browsers reach it, such as https://console.example.")
@click.option("--timezone", metavar="ZONE", help="Whose times pages show, such as Europe/Paris; else UTC.")
@click.option(
    "--link", "links", metavar="ROLE[,ROLE]:NAME", multiple=True, help="Print a link that signs NAME in, once."
)
@click.option("--proxy-header", metavar="HEADER", help="The header in which a trusted proxy names who is signed in.")
@click.option("--proxy-roles-header", metavar="HEADER", help="The one with their roles, with commas between them.")
@click.option(
    "--trusted-proxy", "proxies", metavar="ADDRESS", multiple=True, help="An address or network of trusted proxies."
)
@click.option("--oidc-issuer", metavar="URL", help="The OpenID provider that signs people in.")
@click.option("--oidc-client", metavar="ID", help="How that provider knows the console.")
@click.option(
    "--oidc-name-claim",
    metavar="CLAIM",
    default="sub",
    help="The claim that names people. Nobody may be able to change their own.",
)
@click.option("--oidc-roles-claim", metavar="CLAIM", default="groups", help="The claim with people's groups.")
@click.option(
    "--oidc-role",
    "oidc_roles",
    metavar="ROLE=GROUP",
    multiple=True,
    help="The group that gives a role; may be repeated.",
)
def console(out: Output, **given: Any) -> None:
    """Show what waits and what is wrong in a browser, and decide reviews there, until it is stopped.

    Its login is a member of some of jurat_reader, jurat_reviewer and jurat_admin; each page takes the least of them
    that it needs. It has no key that opens answers: a worker opens one for one reviewer's session. It needs
    JURAT_HASH_KEYS only to add codes and rosters, and JURAT_SEAL_KEY only to have workers try a source.

    People sign in by OpenID Connect, by a trusted proxy, or by a link that is printed here and can be used once, within
    15 minutes. Without any of these options it prints a link for you, if it listens on this machine alone.

    The roles are reader, reviewer, administrator and operator. Who has none is a reader, and changes nothing; with
    --oidc-role reader=GROUP, others are not let in.
    """
    from cli.database import require_file
    from config.settings import read_settings
    from worker.logs import set_up

    settings = read_settings()
    set_up(settings.log)
    require_file(settings)
    _serve(out, settings, given)


def _serve(out: Output, settings: Settings, given: dict[str, Any]) -> None:
    try:
        from console.app import LONGEST_BODY, create_app
        from pages.server import CannotListen, listen, run
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise Failure(
            f"the console's library {missing} is not installed; requirements/console.txt has them", Exit.USAGE
        ) from None
    from console.identity.links import Links
    from console.parts import Ways
    from jurat.database import open_engine
    from pages.server import THREADS
    from worker.keyring import fingerprints_of, seal_of_platforms
    from worker.metrics.fleet_watch import PATIENCE

    host, port = _host_and_port(given["listen"])
    ways = Ways(Links(), _proxy(given), _provider(settings, given), _url(given["url"], host))
    people = _people(given["links"], ways, host)
    if given["timezone"] not in {None, *available_timezones()}:
        raise click.UsageError("--timezone is no time zone; write a name such as Europe/Paris")
    engine = open_engine(settings.database_url, pool_size=THREADS // 2, deadline=PATIENCE)
    app = create_app(
        engine,
        ways,
        fingerprints=fingerprints_of(settings),
        timezone=given["timezone"],
        seal=seal_of_platforms(settings),
    )
    try:
        with listen(host, port) as listening:
            address = ways.url or f"http://{_written(host)}:{listening.getsockname()[1]}"
            run(app, listening, lambda: _greet(out, address, ways, people), longest_body=LONGEST_BODY)
    except CannotListen as error:
        raise Failure(str(error), Exit.USAGE) from None
    finally:
        engine.dispose()


def _greet(out: Output, address: str, ways: Ways, people: Sequence[Person]) -> None:
    links = [
        {"name": each.name, "roles": sorted(each.roles), "url": f"{address}/en/sign-in/link/{ways.links.make(each)}"}
        for each in people
    ]
    lines = [f"the console is at {address}/; Ctrl-C stops it"]
    for link in links:
        lines += [
            f"sign in as {link['name']} ({', '.join(link['roles'])}), once, within 15 minutes:",
            f"  {link['url']}",
        ]
    out.show({"address": address, "links": links}, lines)
    sys.stdout.flush()


def _host_and_port(text: str) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise click.UsageError("--listen is no address; write HOST:PORT or [HOST]:PORT")
    return found["six"] or found["host"] or "0.0.0.0", int(found["port"])  # noqa: S104 - as asked for


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(text: str | None, host: str) -> str | None:
    if text is None:
        if not _is_here(host):
            raise click.UsageError(
                "--url is missing: where browsers reach the console, for it does not listen here alone"
            )
        return None
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query or "@" in url.netloc:
        raise click.UsageError("--url is no address; write scheme and name alone, such as https://console.example")
    return f"{url.scheme}://{url.netloc.lower()}"


def _people(links: Sequence[str], ways: Ways, host: str) -> list[Person]:
    """Whom the printed links sign in: by default who starts this, on a console that nobody else reaches."""
    from console.identity.roles import Role, person_of

    if not links:
        alone = _is_here(host) and ways.proxy is None and ways.provider is None
        if not alone and ways.proxy is None and ways.provider is None:
            raise click.UsageError("nobody could sign in; give --link, --proxy-header or --oidc-issuer")
        return [person_of(whoami(), Role)] if alone else []
    found = []
    for link in links:
        roles, separator, name = link.partition(":")
        known = [role.strip() for role in roles.split(",")]
        if not separator or not set(known) <= {role.value for role in Role}:
            raise click.UsageError(f"--link needs ROLE:NAME or ROLE,ROLE:NAME, with roles of {_ROLES}")
        try:
            found.append(person_of(name, known))
        except ValueError as error:
            raise click.UsageError(f"--link: {error}") from None
    return found


def _proxy(given: dict[str, Any]) -> TrustedProxy | None:
    from console.identity.proxy import TrustedProxy

    names = [name for name in (given["proxy_header"], given["proxy_roles_header"]) if name]
    if not all(_HEADER.fullmatch(name) for name in names):
        raise click.UsageError("a header's name has letters, digits and '-' alone")
    if not given["proxy_header"]:
        if names or given["proxies"]:
            raise click.UsageError("--proxy-header is missing: the header in which the proxy names who is signed in")
        return None
    if not given["proxies"]:
        raise click.UsageError("--trusted-proxy is missing: without it, anyone could send that header")
    try:
        networks = [ip_network(each) for each in given["proxies"]]
    except ValueError:
        raise click.UsageError("--trusted-proxy is no address or network, such as 10.0.0.2 or 10.0.0.0/24") from None
    return TrustedProxy(networks, given["proxy_header"], given["proxy_roles_header"])


def _provider(settings: Settings, given: dict[str, Any]) -> Provider | None:
    from console.identity.oidc import Provider
    from console.identity.roles import Role

    if not given["oidc_issuer"] or not given["oidc_client"]:
        if given["oidc_issuer"] or given["oidc_client"] or given["oidc_roles"]:
            raise click.UsageError("--oidc-issuer and --oidc-client belong together")
        return None
    issuer = urlsplit(given["oidc_issuer"])
    if issuer.scheme != "https" and not (issuer.scheme == "http" and _is_here(issuer.hostname or "")):
        raise click.UsageError("--oidc-issuer must begin with https://, or others could sign in as anyone")
    roles: dict[Role, frozenset[str]] = {}
    for each in given["oidc_roles"]:
        role, separator, group = each.partition("=")
        if not separator or not group or role not in {known.value for known in Role}:
            raise click.UsageError(f"--oidc-role needs ROLE=GROUP, with a role of {_ROLES}")
        roles[Role(role)] = roles.get(Role(role), frozenset()) | {group}
    secret = settings.oidc_secret.get_secret_value() if settings.oidc_secret else None
    claims = given["oidc_name_claim"], given["oidc_roles_claim"]
    return Provider(given["oidc_issuer"], given["oidc_client"], secret, *claims, roles)
