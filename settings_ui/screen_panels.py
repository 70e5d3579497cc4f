"""What stands beside the form: synchronisation, who is who, history, setting up notifications and forwarding.

Panels are read only; what they start goes through the functions of the lower layers.
"""

from contextlib import suppress
from typing import Any

from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from crm_bitrix import employees, synchronise
from crm_bitrix.matching import Reason, Status
from crm_bitrix.models import SyncRun
from integration import notifications, routing_guide
from integration.masking import mask
from integration.models import Credential, Portal
from integration.notifications import Need
from settings_ui.access import FrameRequest, lets_staff, needs_admin, needs_session
from settings_ui.pages import show
from settings_ui.withheld import withheld_of

SHOWN_REVISIONS = 20
SHOWN_PEOPLE = 50
SHOWN_QUESTIONS = 10

STAGE_NAMES = {
    "uis": _("Справочники UIS"),
    "bitrix": _("Справочники Битрикс24"),
    "match": _("Сопоставление сотрудников"),
    "check": _("Проверка настроек"),
}
STATUS_NAMES = {
    Status.MATCHED: _("сопоставлены"),
    Status.NOBODY: _("никому не принадлежат"),
    Status.SUGGESTED: _("есть похожие"),
    Status.CONFLICT: _("неоднозначны"),
    Status.UNMATCHED: _("не найдены"),
}
REASON_NAMES = {
    Reason.NO_SURNAME: _("нет фамилии"),
    Reason.NO_EMAIL: _("нет почты"),
    Reason.NO_PHONE: _("нет телефона"),
    Reason.NO_SUCH_USER: _("в Битрикс24 нет такого"),
    Reason.USER_DISMISSED: _("пользователь уволен"),
    Reason.SEVERAL_USERS: _("подходят несколько пользователей"),
    Reason.SEVERAL_EMPLOYEES: _("подходят несколько сотрудников"),
    Reason.USER_TAKEN: _("пользователь уже занят"),
    Reason.USER_GONE: _("связанный пользователь уволен"),
}


def panels_of(credential: Credential) -> dict[str, Any]:
    """Everything beside the form of one credential."""
    portal = credential.portal
    revisions = credential.revisions.defer("document").order_by("-number")[:SHOWN_REVISIONS]
    return {
        "withheld": withheld_of(credential),
        "revisions": list(revisions),
        "people": people_of(credential),
        "sync": sync_of(portal) if portal else {},
        **setup_of(credential),
    }


def people_of(credential: Credential) -> dict[str, Any]:
    """Who was matched, and first of all who was not."""
    board = employees.board(credential)
    troubled = [row for row in board.rows if row.match.status not in (Status.MATCHED, Status.NOBODY)]
    shown = [
        {
            "id": row.employee.id,
            "name": row.employee.name or row.employee.email or row.employee.id,
            "status": STATUS_NAMES[row.match.status],
            "candidates": ", ".join(user.name for user in row.candidates),
            "reasons": [REASON_NAMES[reason] for reason in row.match.reasons],
        }
        for row in troubled[:SHOWN_PEOPLE]
    ]
    domain = credential.portal.domain if credential.portal else ""
    nameless = employees.without_surname(credential.portal_id) if credential.portal_id else []
    counts = board.counts
    return {
        "counts": [(name, counts[status]) for status, name in STATUS_NAMES.items() if counts[status]],
        "missing": len(board.missing),
        "troubled": shown,
        "more": len(troubled) - len(shown),
        "without_surname": [
            {"name": user.name or user.email or user.id, "link": f"https://{domain}/company/personal/user/{user.id}/"}
            for user in nameless[:SHOWN_PEOPLE]
        ],
    }


def sync_of(portal: Portal) -> dict[str, Any]:
    """The last runs of a portal; `running` is the one that goes on now."""
    runs = [_run(run) for run in synchronise.latest(portal)]
    return {"runs": runs, "running": next((run for run in runs if run["is_running"]), None)}


def _run(run: SyncRun) -> dict[str, Any]:
    stages = [
        {
            "name": STAGE_NAMES.get(stage["name"], stage["name"]),
            "about": stage["about"],
            "state": stage["state"],
            "done": stage["done"],
            "total": stage["total"],
            "problems": stage["problems"],
        }
        for stage in run.stages
    ]
    done = sum(1 for stage in stages if stage["state"] == "done")
    return {
        "run": run,
        "is_running": run.state == SyncRun.State.RUNNING,
        "stages": stages,
        "done": done,
        "total": len(stages),
        "affected": run.changes.get("affected", []),
    }


def setup_of(credential: Credential) -> dict[str, Any]:
    """The guides to set up UIS: notifications of calls and of chats, and the forwarding."""
    received = notifications.notifications_of(credential)
    questions = credential.routing_questions.order_by("-asked_at")[:SHOWN_QUESTIONS]
    return {
        "notifications": {
            "telephony": [_notification(each) for each in received if each.template.kind == "call"],
            "chats": [_notification(each) for each in received if each.template.kind != "call"],
        },
        "notification_steps": notifications.steps(credential),
        "routing": {
            "steps": routing_guide.steps(credential),
            "parameters": routing_guide.PARAMETERS,
            "branches": routing_guide.BRANCHES,
            "questions": [{"question": each, "phone": mask(each.phone)} for each in questions],
        },
    }


def _notification(each: notifications.Notification) -> dict[str, Any]:
    template = each.template
    with translation.override("ru"):
        label_in_uis = str(template.label)
    return {
        "event": template.event,
        "label": template.label,
        "label_in_uis": label_in_uis,
        "is_needed": template.need is Need.MINIMUM,
        "received_at": each.received_at,
        "text": template.text,
        "optional": template.optional_variables,
    }


@needs_admin
@require_POST
@lets_staff
def start_sync(request: FrameRequest) -> HttpResponse:
    """Begin a synchronisation, or show the one that runs."""
    session = request.session_of_frame
    with suppress(synchronise.AlreadyRunning):
        synchronise.start(session.portal, by=str(session.user_id))
    return _sync_answer(request)


@needs_admin
@require_POST
@lets_staff
def cancel_sync(request: FrameRequest) -> HttpResponse:
    """Stop the synchronisation that runs before its next request; what was read until then stays."""
    for run in SyncRun.objects.filter(portal=request.session_of_frame.portal, state=SyncRun.State.RUNNING):
        synchronise.cancel(run)
    return _sync_answer(request)


@needs_session
@require_POST
@lets_staff
def show_sync(request: FrameRequest) -> HttpResponse:
    """How the synchronisation goes; the page asks again while one runs."""
    return _sync_answer(request)


def _sync_answer(request: FrameRequest) -> HttpResponse:
    session = request.session_of_frame
    return show(request, "_sync.html", {"sync": sync_of(session.portal), "is_admin": session.is_admin})
