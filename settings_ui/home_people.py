"""Beside the matching board: who could be created in UIS, and which past calls a new link would have decided otherwise.

Nothing is created unseen: what would be sent to UIS is shown first, and each person is chosen.
"""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm_bitrix import employees, newcomers
from crm_bitrix.employees import BoardRow
from integration.models import Communication, Credential
from settings_ui import journal_again
from settings_ui.access import FrameRequest, lets_staff, needs_admin
from settings_ui.home import nowhere, posted_credential
from settings_ui.pages import show

AT_ONCE = 50
MOST_DAYS = 30


@needs_admin
@require_POST
@lets_staff
def show_new(request: FrameRequest) -> HttpResponse:
    """Who is in Bitrix24 only, and what creating each of them in UIS would send."""
    credential = _credential(request)
    if credential is None:
        return nowhere()
    missing = employees.board(credential).missing
    shown = newcomers.preview_creation(credential, [user.id for user in missing[:AT_ONCE]])
    return show(request, "_newcomers.html", {"newcomers": shown, "more": len(missing) - len(shown)})


@needs_admin
@require_POST
@lets_staff
def create(request: FrameRequest) -> HttpResponse:
    """Create the chosen people in UIS, and say what became of each."""
    credential = _credential(request)
    if credential is None:
        return nowhere()
    chosen = [int(each) for each in request.POST.getlist("user") if each.isdecimal()][:AT_ONCE]
    return show(request, "_newcomers.html", {"created": newcomers.create_people(credential, chosen)})


@needs_admin
@require_POST
@lets_staff
def find_past(request: FrameRequest) -> HttpResponse:
    """How many calls of the last days an employee took part in."""
    return _past(request, is_again=False)


@needs_admin
@require_POST
@lets_staff
def past_again(request: FrameRequest) -> HttpResponse:
    """Decide about these calls anew: what is done in the portal already is not done again."""
    return _past(request, is_again=True)


def _past(request: FrameRequest, *, is_again: bool) -> HttpResponse:
    credential = _credential(request)
    if credential is None:
        return nowhere()
    days = _days(request.POST.get("days", ""))
    employee, problem = _find_employee(credential, request.POST.get("employee", ""))
    context: dict[str, Any] = {"problem": problem, "employee": employee, "days": days, "is_again": is_again}
    if employee is not None:
        since = timezone.now() - timedelta(days=days)
        calls = employees.past_calls(credential, employee_id=employee.employee.id, since=since)
        if is_again:
            journal_again.again_late(Communication.objects.filter(pk__in=calls), credential.portal)
        context["count"] = len(calls)
    return show(request, "_past_calls.html", context)


def _find_employee(credential: Credential, text: str) -> tuple[BoardRow | None, str]:
    """The linked employee whose name holds this text, or why there is not exactly one."""
    wanted = text.strip().casefold()
    rows = [row for row in employees.board(credential).rows if row.user and wanted in row.employee.name.casefold()]
    if not wanted or not rows:
        return None, _("Такого связанного сотрудника нет. Введите имя или фамилию, как в UIS.")
    if len(rows) > 1:
        names = ", ".join(row.employee.name for row in rows[:10])
        return None, _("Подходят несколько: {names}. Уточните имя.").format(names=names)
    return rows[0], ""


def _days(text: str) -> int:
    return min(MOST_DAYS, max(1, int(text))) if text.isdecimal() else 7


def _credential(request: FrameRequest) -> Credential | None:
    try:
        return posted_credential(request)
    except Credential.DoesNotExist:
        return None
