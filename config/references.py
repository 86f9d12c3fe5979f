"""Checks the references between the parts of a configuration: names, kinds, open parameters, limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from config.addresses import AddressFileSource, NominatimSource
from config.document import Consultation, Criterion, Document, Environment, Parameter, QuestionModel
from config.durations import duration_text
from config.limits import SourceKind
from config.names import MOST_ZONES, fits, named
from config.problems import Complaint, Path, Severity
from config.registry import RecordSource, RegistrySource, RosterSource, demands_of, misfit
from config.registry.lint.demanded_codes import code_doubts
from config.registry.lint.requests import sending_problems
from config.registry.lint.rules import doubts_of
from config.registry.lint.slips import slip_problems
from config.registry.model.demands import requirements_of
from config.shadows import check_shadow_names, check_shadows, shadows_of
from config.sources import CodesSource, SourceModel, answer_schema, urls_of
from config.suggestions import did_you_mean, suggest
from jurat.access import AtLeast, Rule, questions_in

_WELL_USED = 0.9
_NEEDED_BY: Mapping[Parameter, SourceKind] = {
    Parameter.ZONE: SourceKind.ADDRESS,
    Parameter.ZONES: SourceKind.ADDRESS,
    Parameter.LIST: SourceKind.CODES,
}
_AREAS = (Parameter.ZONE, Parameter.ZONES)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PUBLIC_NOMINATIM = "nominatim.openstreetmap.org"


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names that may be referred to, whether what they name is well formed or not.

    `questions` are by consultation. A part is None if its names are unknown: zones that are imported elsewhere, a
    section that cannot be read.
    """

    sources: Collection[str] | None
    criteria: Collection[str] | None
    questions: Mapping[str, Collection[str] | None]
    zones: Collection[str] | None = None

    @classmethod
    def of(cls, document: Document) -> Self:
        questions = {name: tuple(part.questions) for name, part in document.consultations.items()}
        return cls(tuple(document.sources), tuple(document.criteria), questions)


def check_names(document: Document, known: KnownNames) -> Iterator[Complaint]:
    """Names that are referred to and do not exist."""
    yield from check_shadow_names(document, known.sources)
    for name, criterion in document.criteria.items():
        path: Path = ("criteria", name)
        for index, source in enumerate(criterion.source):
            if known.sources is not None and source not in known.sources:
                place = (*path, "source", index) if len(criterion.source) > 1 else (*path, "source")
                yield Complaint(place, f"there is no source '{source}'", suggest(source, known.sources))
        if criterion.zone is not None:
            yield from _check_zone((*path, "zone"), criterion.zone, known.zones)
        yield from _check_zones((*path, "zones"), criterion.zones or (), known.zones)
    for name, consultation in document.consultations.items():
        for question_name, question in consultation.questions.items():
            path = ("consultations", name, "questions", question_name)
            if known.criteria is not None and question.criterion not in known.criteria:
                hint = suggest(question.criterion, known.criteria)
                yield Complaint((*path, "criterion"), f"there is no criterion '{question.criterion}'", hint)
            if (zone := question.named(Parameter.ZONE)) is not None:
                yield from _check_zone((*path, "with", "zone"), zone, known.zones)
            yield from _check_zones((*path, "with", "zones"), question.zones, known.zones)
        here = known.questions.get(name, ())
        for asked in dict.fromkeys(questions_in(consultation.access_rule)):
            if here is not None and asked not in here:
                said = f"there is no question '{asked}' here"
                yield Complaint(("consultations", name, "access"), said, suggest(asked, here))


def check_fit(document: Document) -> Iterator[Complaint]:
    """Parts that do not fit together. `check_names` reports missing ones."""
    for name, source in document.sources.items():
        yield from _check_source(("sources", name), source, document.environment)
    yield from check_shadows(document)
    yield from _check_public_nominatim(document)
    yield from _check_datasets(document)
    for name, criterion in document.criteria.items():
        yield from _check_criterion(("criteria", name), criterion, document)
    for name, consultation in document.consultations.items():
        path = ("consultations", name, "questions")
        asked = set(questions_in(consultation.access_rule))
        yield from _check_retention(("consultations", name), consultation)
        for twice in _counted_twice(consultation.access_rule):
            said = f"'{twice}' appears twice in one list, and would count twice"
            yield Complaint(("consultations", name, "access"), said, "name each question once")
        for question_name, question in consultation.questions.items():
            yield from _check_question((*path, question_name), question, document)
            yield from _check_life((*path, question_name), question)
            if question_name not in asked:
                said = "access does not depend on this question"
                hint = "name it in access, or remove access"
                yield Complaint((*path, question_name), said, hint, Severity.WARNING, at_key=True)


def check_use(document: Document) -> Iterator[Complaint]:
    """Sources and criteria that nothing uses, in a complete document."""
    asked = {name for criterion in document.criteria.values() for name in criterion.source}
    asked |= set(shadows_of(document).values())
    for name in document.sources:
        if name not in asked:
            yield Complaint(("sources", name), "no criterion uses this source", "", Severity.WARNING, at_key=True)
    questions = [question for part in document.consultations.values() for question in part.questions.values()]
    used = {question.criterion for question in questions}
    for name in document.criteria if document.consultations else ():
        if name not in used:
            yield Complaint(("criteria", name), "no question uses this criterion", "", Severity.WARNING, at_key=True)


def _check_source(path: Path, source: SourceModel, environment: Environment) -> Iterator[Complaint]:
    test = environment is Environment.TEST
    if source.kind is SourceKind.SIMULATED and not test:
        yield Complaint(
            (*path, "type"),
            "simulated sources decide by magic answers, so only a test environment may have them",
            "set environment: test, or use a real source",
        )
    for below, url in urls_of(source):
        parts = urlsplit(url)
        if parts.scheme == "http" and not (test and parts.hostname in _LOOPBACK):
            where = "only a loopback address may do without https, and only with environment: test"
            yield Complaint((*path, *below), f"answers would travel in clear; {where}", "write https://")
    for below, text in doubts_of(source) if isinstance(source, RecordSource) else ():
        said, _, hint = text.partition(" — ")
        yield Complaint((*path, *below), said, hint, Severity.WARNING, at_key=True)
    if isinstance(source, RegistrySource):
        slips = list(slip_problems(source))
        for place, text in slips or sending_problems(source):
            said, _, hint = text.partition(" — ")
            yield Complaint((*path, *place), said, hint, at_key=not slips)
    yield from _check_limits(path, source)


def _check_public_nominatim(document: Document) -> Iterator[Complaint]:
    """What its usage policy forbids: https://operations.osmfoundation.org/policies/nominatim/."""
    first, own = "", "or give the url of your own server"
    for name, source in document.sources.items():
        if not isinstance(source, NominatimSource) or urlsplit(source.url).hostname != _PUBLIC_NOMINATIM:
            continue
        path: Path = ("sources", name)
        if first:
            said = f"'{first}' also asks {_PUBLIC_NOMINATIM}, which counts the requests of both together"
            yield Complaint((*path, "url"), said, f"use one of them in all criteria, {own}", at_key=True)
        first = first or name
        allowed = f"{_PUBLIC_NOMINATIM} allows one request a second, from all of your workers together"
        if source.interval is None:
            yield Complaint(path, f"{allowed}, and there is no rate", f"add rate: 1/s, {own}", at_key=True)
        elif source.interval < 1:
            yield Complaint((*path, "rate"), allowed, f"write 1/s or less, {own}")
        if source.burst is not None and source.burst > 1:
            yield Complaint((*path, "burst"), allowed, f"write 1, {own}")
        if source.concurrency is None or source.concurrency > 1:
            said = f"{_PUBLIC_NOMINATIM} allows one request at a time"
            yield Complaint((*path, "concurrency"), said, f"write 1, {own}")


def _check_datasets(document: Document) -> Iterator[Complaint]:
    """Sources that use the same dataset must read it in the same way."""
    first: dict[str, tuple[str, SourceModel]] = {}
    for name, source in document.sources.items():
        if not isinstance(source, AddressFileSource | RosterSource) or source.dataset is None:
            continue
        path: Path = ("sources", name)
        theirs, other = first.setdefault(source.dataset, (name, source))
        if source.type != other.type:
            said = f"'{theirs}' has a dataset of this name, of type {other.type}"
            yield Complaint((*path, "dataset"), said, "give one of them another name")
        elif isinstance(source, RosterSource) and isinstance(other, RosterSource):
            hint = "write the same in both, or import it under two names"
            if source.file != other.file:
                said = f"'{theirs}' reads this dataset in another way, and it is imported only once"
                yield Complaint((*path, "file"), said, hint, at_key=True)
            elif source.layout != other.layout:
                said = f"'{theirs}' cleans the number of this dataset in another way, and it is imported only once"
                yield Complaint((*path, "inputs"), said, hint, at_key=True)


def _check_limits(path: Path, source: SourceModel) -> Iterator[Complaint]:
    """Limits that contradict each other, or that a lookup cannot keep."""
    sends = f"one lookup sends {source.requests} requests"
    if source.daily is not None and source.daily < source.requests:
        yield Complaint((*path, "daily"), f"{sends}, so none would ever be made", f"allow at least {source.requests}")
    if source.burst is None:
        return
    said, hint = "", ""
    if source.rate is None:
        said, hint = "does nothing without a rate", "add rate: …, or remove it"
    elif source.burst < source.requests:
        said, hint = f"{sends}, one after the other, which is more", f"allow at least {source.requests}"
    elif source.burst > source.rate.count:
        said = f"{source.burst} at once is more than the rate allows in its whole period ({source.rate})"
        hint = "lower it, or raise the rate"
    elif source.used < _WELL_USED:
        said = f"{source.burst} at once leaves no room for late starts, so only {source.used:.0%} of the rate is used"
        hint = f"allow {source.usual_burst} where the source does"
    if said:
        yield Complaint((*path, "burst"), said, hint, Severity.WARNING)


def _check_criterion(path: Path, criterion: Criterion, document: Document) -> Iterator[Complaint]:
    sources = {name: document.sources[name] for name in criterion.source if name in document.sources}
    if len(set(criterion.source)) < len(criterion.source):
        yield Complaint((*path, "source"), "a source appears twice in this list", "name each once")
    yield from _check_kinds((*path, "source"), sources)
    given = {"zone": criterion.zone, "zones": criterion.zones}
    areas = [name for name, value in given.items() if value is not None]
    areas += [each.value for each in dict.fromkeys(criterion.open) if each in _AREAS]
    if len(areas) > 1 and areas[0] == areas[1]:
        said = f"{areas[0]} is both given and left open"
        yield Complaint((*path, "open"), said, "remove one of them", at_key=True)
    elif len(areas) > 1:
        yield Complaint(path, "a criterion has one zone, or zones as one", "remove zone or zones", at_key=True)
    kinds = {source.kind for source in sources.values()} - {SourceKind.SIMULATED}
    if len(sources) < len(criterion.source) or len(kinds) != 1:
        return
    yield from _check_open(path, criterion, sources, next(iter(kinds)))
    unused: dict[str, object] = {**given, "margin": criterion.margin}
    if kinds == {SourceKind.ADDRESS}:
        if not areas:
            hint = "add zone: NAME, or open: [zone] for its questions to name one"
            yield Complaint(path, "a criterion for addresses needs a zone", hint, at_key=True)
        unused = {}
    if kinds == {SourceKind.REGISTRY}:
        shadows = [shadow for name, shadow in shadows_of(document).items() if name in sources]
        asked = {name: document.sources[name] for name in (*sources, *shadows) if name in document.sources}
        yield from _check_requirement(path, criterion, asked)
    else:
        unused["require"] = criterion.require
    for option, value in unused.items():
        if value:
            said = f"only a criterion with {'registry' if option == 'require' else 'address'} sources has this"
            yield Complaint((*path, option), said, "remove it", at_key=True)


def _check_open(
    path: Path, criterion: Criterion, sources: Mapping[str, SourceModel], kind: SourceKind
) -> Iterator[Complaint]:
    """Criteria leave open what sources of their kind need, and do not say themselves."""
    for parameter in dict.fromkeys(criterion.open):
        if kind is not _NEEDED_BY[parameter]:
            said = f"only a criterion with {_NEEDED_BY[parameter]} sources can leave {parameter} open"
            yield Complaint((*path, "open"), said, "remove it", at_key=True)
    for name, source in sources.items():
        if not isinstance(source, CodesSource):
            continue
        if source.list is None and Parameter.LIST not in criterion.open:
            said = f"source '{name}' has no code list, and this criterion does not leave it open"
            yield Complaint(path, said, "add list: NAME to the source, or open: [list] here", at_key=True)
        elif source.list is not None and Parameter.LIST in criterion.open:
            said = f"source '{name}' has the list '{source.list}', and list is left open"
            yield Complaint((*path, "open"), said, "remove one of them", at_key=True)


def _check_kinds(path: Path, sources: Mapping[str, SourceModel]) -> Iterator[Complaint]:
    """Sources of one criterion get the same answer, one after the other."""
    real = [(name, source) for name, source in sources.items() if source.kind is not SourceKind.SIMULATED]
    for name, source in real[1:]:
        first, other = real[0]
        if source.kind is not other.kind:
            said = f"'{first}' is of kind {other.kind} and '{name}' of kind {source.kind}"
            yield Complaint(path, said, "all sources of a criterion are of one kind; make two criteria")
            return
        if source.kind is not SourceKind.CODES and answer_schema(source) != answer_schema(other):
            yield Complaint(path, f"'{first}' and '{name}' ask for different answers", "give them the same inputs")
            return


def _check_requirement(path: Path, criterion: Criterion, sources: Mapping[str, SourceModel]) -> Iterator[Complaint]:
    """The criterion demands what the registries' rules read."""
    for name, source in sources.items():
        if isinstance(source, RecordSource):
            needed, known = requirements_of(source)
            forms = demands_of(source)
            for demand, value in criterion.require.items():
                at = (*path, "require", demand)
                if demand not in known:
                    yield Complaint(at, f"no rule of '{name}' reads this", suggest(demand, known), at_key=True)
                elif wrong := misfit(forms[demand], demand, value):
                    yield Complaint(at, *wrong)
                elif isinstance(value, list | tuple):
                    for each in code_doubts(source, demand, value):
                        yield replace(each, path=(*at, *each.path), message=f"{each.message} (source '{name}')")
            if criterion.require.keys() <= known:
                for demand in sorted(needed - criterion.require.keys()):
                    said, hint = f"a rule of '{name}' needs '{demand}'", f"add require: {{ {demand}: … }}"
                    yield Complaint(path, said, hint, at_key=True)


def _check_question(path: Path, question: QuestionModel, document: Document) -> Iterator[Complaint]:
    criterion = document.criteria.get(question.criterion)
    if criterion is None:
        return
    for parameter in criterion.open:
        if parameter not in question.parameters:
            said = f"criterion '{question.criterion}' leaves {parameter} open, and this question does not fill it"
            form = "[NAME, BEGINNING*]" if parameter is Parameter.ZONES else "NAME"
            yield Complaint(path, said, f"add with: {{ {parameter}: {form} }}", at_key=True)
    for parameter in question.parameters:
        if parameter not in criterion.open:
            said = f"criterion '{question.criterion}' does not leave {parameter} open"
            hint = f"remove it, or write open: [{parameter}] in the criterion"
            yield Complaint((*path, "with", parameter), said, hint, at_key=True)
    if question.name_zone and criterion.zones is None and Parameter.ZONES not in criterion.open:
        said = f"criterion '{question.criterion}' has no zones among which one could be named"
        yield Complaint((*path, "name_zone"), said, "remove it, or write zones: [NAME, BEGINNING*] there", at_key=True)
    for name in criterion.source:
        if name in document.sources:
            yield from _check_deadline((*path, "deadline"), question.deadline, name, document.sources[name])


def _check_retention(path: Path, consultation: Consultation) -> Iterator[Complaint]:
    """Whether the verdicts that a granted access depends on can ever be deleted."""
    if consultation.retain is None or consultation.retain_s is None:  # by default, or forever
        return
    asked = (consultation.questions.get(name) for name in questions_in(consultation.access_rule))
    if all(question is None or question.valid_for is None for question in asked):
        said = "granted access never ends here, and keeps the verdicts that it depends on"
        yield Complaint((*path, "retain"), said, "give a question valid_for: …, so that it ends", Severity.WARNING)


def _check_life(path: Path, question: QuestionModel) -> Iterator[Complaint]:
    if question.renew is None:
        return
    if question.valid_for is None:
        said = "does nothing if an accepted answer holds for good"
        yield Complaint((*path, "renew"), said, "add valid_for: …, or remove it", at_key=True)
    elif question.renew > question.valid_for:
        valid_for = duration_text(question.valid_for)
        said = f"an accepted answer holds for {valid_for}, and cannot be renewed {duration_text(question.renew)} ahead"
        yield Complaint((*path, "renew"), said, f"write {valid_for} or less")


def _check_deadline(path: Path, deadline_s: float, name: str, source: SourceModel) -> Iterator[Complaint]:
    deadline = duration_text(deadline_s)
    if source.timeout > deadline_s:
        said = f"{deadline} is shorter than one lookup of source '{name}' may take ({duration_text(source.timeout)})"
        yield Complaint(path, said, "give more time, or the source a shorter timeout", Severity.WARNING)
    if source.rate is not None and source.interval is not None and source.interval > deadline_s:
        each = f" with {source.requests} requests a lookup" if source.requests > 1 else ""
        said = f"source '{name}' may be asked {source.rate}{each}, too rarely for a deadline of {deadline}"
        yield Complaint(path, said, "give more time, or the source a higher rate", Severity.WARNING)


def _counted_twice(rule: Rule) -> Iterator[str]:
    if isinstance(rule, AtLeast):
        names = Counter(part for part in rule.rules if isinstance(part, str))
        yield from (name for name, count in names.items() if count > 1)
        for part in rule.rules:
            yield from _counted_twice(part)


def _check_zone(path: Path, zone: str, zones: Collection[str] | None) -> Iterator[Complaint]:
    if zones is not None and zone not in zones:
        near = did_you_mean(zone, zones)
        command = "run: bin/jurat zones import FILE"
        yield Complaint(path, f"zone '{zone}' is not imported", f"{near} Otherwise {command}" if near else command)


def _check_zones(path: Path, zones: Collection[str], known: Collection[str] | None) -> Iterator[Complaint]:
    if known is None:
        return
    for index, zone in enumerate(zones):
        if not zone.endswith("*"):
            yield from _check_zone((*path, index), zone, known)
        elif not any(fits(name, zone) for name in known):
            near = did_you_mean(zone[:-1], {name[: len(zone) - 1] for name in known})
            command = "run: bin/jurat zones import FILE"
            said = f"no zone is imported whose name begins with '{zone[:-1]}'"
            yield Complaint((*path, index), said, f"{near} Otherwise {command}" if near else command)
    if (count := len(named(known, zones))) > MOST_ZONES:
        yield Complaint(path, f"these are {count} zones, and one question has at most {MOST_ZONES}", "name fewer")
