"""Recordings: from UIS into the portal, by their own durable job in the bulk lane.

    keep    a plan names a recording: it is written down, due once the call is finished in the portal
    upload  UIS → temporary file → the address that the portal gives for the upload

No public address of ours, no web worker that the portal's download would block. Sending again replaces the record, so
every step may be repeated.
"""

import logging
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from crm_bitrix.actions import Command, Plan, RecordLink
from crm_bitrix.client import Client
from crm_bitrix.errors import Cause, PortalError
from crm_bitrix.lane import portal_of
from crm_bitrix.models import CrmAction
from crm_bitrix.resting import rest
from integration import lanes, remote
from integration.many import update_each
from integration.models import Communication, Lane, Portal
from integration.upload import FileForm
from telephony.models import Record

MAX_BYTES = 200 * 1024 * 1024
TRANSFER_SECONDS = 20.0
AT_ONCE, ROUND_SECONDS = 10, 5.0
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 720, 720, 720, 720))
MEDIA_DOMAINS = ("uiscom.ru", "comagic.ru", "callgear.com", "callgear.ae", "novofon.ru")

_HOST = re.compile(r"[a-z0-9.-]+")

log = logging.getLogger(__name__)


class RecordRefused(Exception):
    """This recording will never get there: it is no recording, or not from UIS."""


def keep(planned: Sequence[tuple[Communication, Plan]]) -> None:
    """Write down the recordings that plans name; the others of those calls are told by their links.

    A call has one recording: which one that is may turn out only later.
    """
    named = {call.pk: {one.record_id[:64]: one for one in plan.records} for call, plan in planned if plan.records}
    known = list(Record.objects.filter(communication__in=named)) if named else []
    stored = {(record.communication_id, record.record_id) for record in known}
    now = timezone.now()
    Record.objects.bulk_create(
        Record(communication_id=call, record_id=key, link=one.link, filename=one.filename, due_at=now)
        for call, records in named.items()
        for key, one in records.items()
        if (call, key) not in stored
    )
    told = ((record, _as_planned(record, named[record.communication_id], now)) for record in known)
    update_each(Record, [({"id": record.pk}, _values(record) | change) for record, change in told if change])


def _values(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("link", "state", "due_at", "attempts", "error")}


def _as_planned(record: Record, named: Mapping[str, RecordLink], now: datetime) -> dict[str, Any]:
    """What changes in a stored recording of a call whose plan names these."""
    one = named.get(record.record_id)
    if one is None:
        is_linked = record.state == Record.State.LINKED
        return {} if is_linked else {"state": Record.State.LINKED, "due_at": None, "error": ""}
    change: dict[str, Any] = {} if one.link == record.link else {"link": one.link}
    if record.state == Record.State.LINKED:
        change |= {"state": Record.State.WAITING, "due_at": now, "attempts": 0}
    return change


def due(now: datetime) -> QuerySet[Record]:
    """Recordings whose time has come and whose call is finished in a portal that is not on hold."""
    return Record.objects.filter(
        due_at__lte=now,
        communication__actions__key="finish",
        communication__actions__state=CrmAction.State.DONE,
        communication__portal__hold_reason="",
        communication__portal__uninstalled_at__isnull=True,
    )


def due_portals(now: datetime, portal_id: int | None) -> set[int]:
    """The portals with recordings to transfer."""
    records = due(now) if portal_id is None else due(now).filter(communication__portal_id=portal_id)
    return set(records.values_list("communication__portal_id", flat=True).distinct())


def bulk_round(lane: Lane) -> None:
    """Transfer recordings for some seconds. Whatever happens to one, the next one gets its turn."""
    portal, until = portal_of(lane.name), time.monotonic() + ROUND_SECONDS
    finish = Prefetch("communication__actions", CrmAction.objects.filter(key="finish"), to_attr="finishes")
    records = due(timezone.now()).filter(communication__portal=portal).order_by("due_at")
    with Client(portal, level=lanes.BULK_LEVEL) as client:
        for record in records.select_related("communication").prefetch_related(finish)[:AT_ONCE]:
            lanes.hold(lane)
            if not _carry_over(client, record, lane):
                return
            if time.monotonic() > until:
                break
    lanes.settle(lane)


def _carry_over(client: Client, record: Record, lane: Lane) -> bool:
    """Transfer one recording and save how it stands; False when the lane has to rest instead."""
    try:
        record.file_id = transfer(client, record, lane)
        record.state, record.due_at, record.error = Record.State.DONE, None, ""
    except RecordRefused as error:
        record.state, record.due_at, record.error = Record.State.FAILED, None, str(error)
    except remote.RemoteError as error:
        _postpone(record, f"запись не получена из UIS: {error}")
    except PortalError as error:
        if not _is_of_record(error):
            rest(lane.name, client.portal, error)
            return False
        _postpone(record, f"портал не принял запись: {error}")
    except lanes.LeaseLost:
        raise
    except Exception as error:
        log.exception("record %s cannot be transferred", record.pk)
        _postpone(record, f"внутренняя ошибка: {type(error).__name__}: {error}")
    record.error = record.error[:500]
    record.save()
    return True


def _is_of_record(error: PortalError) -> bool:
    return error.cause in (Cause.REFUSED, Cause.UNKNOWN)


def _postpone(record: Record, error: str) -> None:
    record.attempts += 1
    record.error = error
    if record.attempts > len(BACK_OFF):
        record.state, record.due_at = Record.State.FAILED, None
    else:
        record.due_at = timezone.now() + BACK_OFF[record.attempts - 1]


def transfer(client: Client, record: Record, lane: Lane) -> str:
    """Carry one recording over; returns the number of the file in the portal.

    Raises RemoteError (UIS), PortalError (the portal), RecordRefused (never), LeaseLost.
    """
    if not is_media_link(record.link):
        raise RecordRefused("ссылка на запись ведёт не на сервер UIS: запись не запрошена")
    with tempfile.TemporaryFile() as file:
        remote.download(
            record.link, file, deadline_seconds=TRANSFER_SECONDS, max_bytes=MAX_BYTES, content_type="audio/"
        )
        lanes.hold(lane)
        call_id = record.communication.finishes[0].result["CALL_ID"]
        step = Command("telephony.externalCall.attachRecord", {"CALL_ID": call_id, "FILENAME": record.filename})
        answer = client.call(step)
        return upload(client.portal, answer, record.filename, file)


def is_media_link(link: str) -> bool:
    """Say whether a link leads to a server of UIS's, or to the one that stands in for UIS."""
    host = urlsplit(link).hostname or ""
    stand_in = urlsplit(settings.UIS_DATA_API_URL).hostname
    if stand_in and host == stand_in:
        return True
    if not _HOST.fullmatch(host):
        return False  # a backslash ends the host for one reader of addresses and not for another
    return link.startswith("https://") and any(host == name or host.endswith(f".{name}") for name in MEDIA_DOMAINS)


def upload(portal: Portal, answer: object, filename: str, file: BinaryIO) -> str:
    """Send a file to the address that the portal gave for it. Raises PortalError."""
    url = str(answer.get("uploadUrl", "")) if isinstance(answer, dict) else ""
    if urlsplit(url).netloc != urlsplit(portal.client_endpoint).netloc:
        raise PortalError(Cause.REFUSED, "адрес для загрузки записи ведёт не на портал", code="bad_upload_url")
    file.seek(0)
    field = str(answer.get("fieldName") or "file") if isinstance(answer, dict) else "file"
    form = FileForm(field, filename, file, mime="audio/mpeg")
    try:
        reply = remote.request(
            "POST", url, data=form, headers={"Content-Type": form.content_type}, deadline_seconds=TRANSFER_SECONDS
        )
    except remote.RemoteError as error:
        raise PortalError(Cause.UNKNOWN, str(error)) from error
    body = remote.read_json(reply)
    result = body.get("result") if isinstance(body, dict) else None
    if not isinstance(result, dict) or not result.get("FILE_ID"):
        raise PortalError(Cause.REFUSED, f"портал не подтвердил запись: {str(body)[:200]}")
    return str(result["FILE_ID"])
