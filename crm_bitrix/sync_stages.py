"""The stages of a synchronisation: what each of them does with a run in the hands of a worker.

`uis` reads the directories of one account, `bitrix` the dictionaries of the portal and brings its external lines into
line, `match` finds who is who, `check` tells which settings speak of what has vanished. Every stage may be done again
from its beginning.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm_bitrix import affected, batch, dictionaries, employees, lines, number_sources
from crm_bitrix.client import Client
from crm_bitrix.dictionaries import Reading
from crm_bitrix.known import load_known
from crm_bitrix.models import BitrixItem, SyncRun
from integration import alerts, dictionary_rows, lanes, uis_dictionaries
from integration.alerts import Trouble, subject_of
from integration.models import Credential, Portal, UisItem
from integration.rules.dictionaries import Entry, Part
from integration.settings_document import read_settings
from integration.uis import Uis
from integration.uis_errors import UisError

LEASE = timedelta(seconds=60)
LISTED_PEOPLE = 200
SMALL_BATCH = 20

Stage = dict[str, Any]
"""As `SyncRun.stages` has it; a stage changes its own."""

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has taken over, or the run has ended: stop, touch nothing."""


class Cancelled(Exception):
    """Somebody asked to stop."""


class Failed(Exception):
    """The run cannot go on; the text is for the administrator."""


@dataclass
class Work:
    """A run in the hands of this worker. Whatever changes is saved with `save`, which also keeps the lease."""

    run: SyncRun
    token: str

    @property
    def portal(self) -> Portal:
        return self.run.portal

    def save(self) -> None:
        """Write the progress down. Raises LeaseLost, Cancelled."""
        mine = SyncRun.objects.filter(pk=self.run.pk, lease_token=self.token, state=SyncRun.State.RUNNING)
        if not mine.filter(cancel_asked=False).update(
            stages=self.run.stages, changes=self.run.changes, lease_until=timezone.now() + LEASE, error=self.run.error
        ):
            raise Cancelled if mine.exists() else LeaseLost


def stages_of(portal: Portal) -> list[Stage]:
    """The stages of a run of this portal, none of them begun."""
    credentials = [each for each in portal.credentials.order_by("pk") if each.uis_key]
    return [
        *(_stage("uis", uis_dictionaries.REQUESTS, each.name, each.pk) for each in credentials),
        _stage("bitrix", 1, portal.domain),
        _stage("match", max(1, len(credentials))),
        _stage("check", 1),
    ]


def _stage(name: str, total: int, about: str = "", credential: int | None = None) -> Stage:
    progress = {"state": "waiting", "done": 0, "total": total, "counts": {}, "problems": []}
    return {"name": name, "credential": credential, "about": about, **progress}


def _read_uis(mine: Work, stage: Stage) -> None:
    """Read the directories of one account. An account that cannot be read does not keep the others waiting."""

    def beat(done: int) -> None:
        stage["done"] = done
        mine.save()

    credential = Credential.objects.get(pk=stage["credential"])
    kind = UisItem.Kind.EMPLOYEE
    known = dict(UisItem.objects.filter(credential=credential, kind=kind).values_list("code", "data__lines"))
    try:
        reading = uis_dictionaries.read(Uis.of(credential), known_lines=known, before_request=beat)
    except UisError as error:
        stage |= {"state": "failed", "problems": [str(error.instruction)]}
        return
    parts = [Part(kind, entries) for kind, entries in reading.entries.items()]
    changes = dictionary_rows.store(UisItem, {"credential": credential}, parts, now=timezone.now())
    stage["counts"] = {kind: change.total for kind, change in changes.items()}
    stage["problems"] = [f"{kind}: {why}" for kind, why in reading.problems.items()]
    stage["unavailable"] = reading.unavailable
    _note(mine.run, "uis", {credential.name: {kind: change.as_json() for kind, change in changes.items()}})


def _read_bitrix(mine: Work, stage: Stage) -> None:
    """Read the portal and bring its external lines into line, in as few requests as can be."""
    portal = mine.portal
    if portal.is_on_hold:
        raise Failed(_("Портал остановлен: {reason}").format(reason=portal.hold_reason or _("приложение удалено")))
    planned: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    wanted, wanted_sources = lines.wanted(portal), number_sources.wanted(portal)

    def plan_more(reading: Reading) -> Mapping[str, Any]:
        if BitrixItem.Kind.LINE not in reading.problems:
            existing = dictionaries.entries_of(reading, BitrixItem.Kind.LINE)
            planned.update(lines.plan_lines(wanted, existing))
        if BitrixItem.Kind.SOURCE not in reading.problems:
            existing = dictionaries.entries_of(reading, BitrixItem.Kind.SOURCE)
            sources.update(number_sources.plan_sources(wanted_sources, existing))
        return {**planned, **sources}

    def beat() -> None:
        stage["done"] += 1
        stage["total"] = max(stage["total"], stage["done"])
        mine.save()

    stage["done"] = 0
    reading = dictionaries.read(
        Client(portal, level=lanes.BULK_LEVEL),
        size=SMALL_BATCH if mine.run.attempts else batch.LIMIT,
        before_request=beat,
        also=plan_more,
    )
    counts, problems = lines.read_outcome(planned, reading.also)
    new_sources, refused = number_sources.added(sources, reading.also)
    reading = _with_sources(_with_lines(reading, planned), new_sources)
    changes = dictionary_rows.store(BitrixItem, {"portal": portal}, reading.parts, now=timezone.now())
    stage["counts"] = {kind: change.total for kind, change in changes.items()} | {
        f"lines_{name}": count for name, count in counts.items()
    }
    stage["problems"] = [*(f"{kind}: {why}" for kind, why in reading.problems.items()), *problems, *refused]
    _note(mine.run, "portal", {kind: change.as_json() for kind, change in changes.items()})
    _note_mode(mine.run, reading.mode)


def _with_lines(reading: Reading, planned: Mapping[str, Any]) -> Reading:
    """The reading with the lines as they are after what was just sent."""
    reading.parts = [
        Part(part.kind, lines.lines_after(part.entries, planned, reading.also), part.prefix)
        if part.kind == BitrixItem.Kind.LINE
        else part
        for part in reading.parts
    ]
    return reading


def _with_sources(reading: Reading, new: tuple[Entry, ...]) -> Reading:
    """The reading with the sources that were just added."""
    reading.parts = [
        Part(part.kind, (*part.entries, *new), part.prefix) if part.kind == BitrixItem.Kind.SOURCE else part
        for part in reading.parts
    ]
    return reading


def _note_mode(sync_run: SyncRun, mode: str | None) -> None:
    portal = sync_run.portal
    if mode is None or mode == portal.crm_mode:
        return
    before = portal.get_crm_mode_display()
    portal.crm_mode = mode
    Portal.objects.filter(pk=portal.pk).update(crm_mode=mode)
    note = _("Режим CRM изменился: было «{before}», стало «{after}».").format(
        before=before, after=portal.get_crm_mode_display()
    )
    sync_run.changes.setdefault("notes", []).append(note)
    if SyncRun.objects.filter(portal=portal, state=SyncRun.State.DONE).exists():  # else it is merely learnt
        news = Trouble("crm_mode", portal, detail=f"{before} → {portal.get_crm_mode_display()}")
        alerts.settle([news], codes=("crm_mode",), subject=subject_of(portal))
    log.warning("portal %s: the CRM mode is %s now", portal.domain, mode)


def _match(mine: Work, stage: Stage) -> None:
    """Find who is who in every account."""
    counts: dict[str, int] = {}
    for credential in mine.portal.credentials.order_by("pk"):
        for name, count in employees.store_matches(credential).items():
            counts[name] = counts.get(name, 0) + count
        stage["done"] += 1
        stage["total"] = max(stage["total"], stage["done"])
        mine.save()
    stage["counts"] = counts


def _check(mine: Work, stage: Stage) -> None:
    """Tell which settings speak of what has vanished, and who has no surname."""
    places = []
    for credential in mine.portal.credentials.order_by("pk"):
        found = affected.find_affected(read_settings(credential), load_known(credential))
        places += [
            {"credential": str(credential.uuid), "path": each.path, "name": each.name, "what": each.what}
            for each in found
        ]
    people = employees.without_surname(mine.portal.pk)
    profile = f"https://{mine.portal.domain}/company/personal/user"
    mine.run.changes |= {
        "affected": places,
        "without_surname": [
            {"id": user.id, "name": user.name or user.email, "link": f"{profile}/{user.id}/"}
            for user in people[:LISTED_PEOPLE]
        ],
    }
    stage["counts"] = {"affected": len(places), "without_surname": len(people)}


DO: Mapping[str, Callable[[Work, Stage], None]] = {
    "uis": _read_uis,
    "bitrix": _read_bitrix,
    "match": _match,
    "check": _check,
}
"""The name of a stage → what it does."""


def _note(sync_run: SyncRun, side: str, changes: Mapping[str, Any]) -> None:
    sync_run.changes[side] = {**sync_run.changes.get(side, {}), **changes}
