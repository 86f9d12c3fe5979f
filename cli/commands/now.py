"""`now`: says what someone should look at, over the whole fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.command import command
from cli.output import Exit, Output, count_text, fields_of

if TYPE_CHECKING:
    from store.monitoring.conditions import Condition
    from store.monitoring.fleet import FleetReading


@command(
    examples=("jurat now", "jurat now --json"),
    codes={
        Exit.DONE: "nothing needs attention",
        Exit.REFUSED: "something does, worst first",
        Exit.DEPENDENCY: "there is no database file",
    },
)
def now(out: Output) -> Exit:
    """Say what someone should look at now: answers that would be lost, checks that do not move, late upkeep.

    One read of the database, without keys: it needs the rights of jurat_reader alone. Each line has the name of an
    alert and of its page in docs/runbooks/. `page` means at once, `ticket` in working hours.
    """
    from cli.database import open_engine_on, require_file
    from config.settings import read_settings
    from store.monitoring.fleet_reader import FleetReader
    from worker.metrics.fleet_watch import PATIENCE, look_at

    settings = read_settings()
    require_file(settings)
    with open_engine_on(settings, deadline=PATIENCE) as engine:
        seen, found = look_at(FleetReader(engine))
    fleet = seen.fleet if seen else None
    document = {
        "ok": not found,
        "findings": [
            {"condition": each.alarm, **fields_of(each, "severity", "source", "found", "advice", "runbook")}
            for each in found
        ],
        **(_summary(fleet) if fleet else {}),
    }
    out.show(document, _lines(found, fleet))
    return Exit.REFUSED if found else Exit.DONE


def _summary(fleet: FleetReading) -> dict[str, int | None]:
    return {
        "workers": len(fleet.live),
        "slots": fleet.slots,
        "due": sum(source.due for source in fleet.sources),
        "later": sum(source.later for source in fleet.sources),
        "leased": sum(source.leased for source in fleet.sources),
        "config_version": fleet.config_version,
    }


def _lines(found: list[Condition], fleet: FleetReading | None) -> list[str]:
    lines = []
    for each in found:
        about = f" ({each.source})" if each.source else ""
        lines += [f"{each.severity:<6}  {each.alarm}{about}: {each.found}"]
        lines += [f"        {each.advice}", f"        {each.runbook}"]
    if fleet is None:
        return lines
    seen = _summary(fleet)
    workers = f"{count_text(len(fleet.live), 'worker')} with {count_text(fleet.slots, 'slot')}"
    checks = (
        f"{count_text(seen['due'] or 0, 'check')} due, {seen['later']:,} for later, {seen['leased']:,} looked up now"
    )
    return [*lines, f"{'' if found else 'nothing needs attention: '}{workers}; {checks}"]
