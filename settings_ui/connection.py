"""«Проверить связь»: every part of the way between UIS, this service and the portal, each with its outcome and remedy.

Bitrix24 is asked for a test event, which comes back by its own way into the inbox and is read by a worker; UIS is
asked whose key it has; our own address for notifications is knocked at from outside.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm_bitrix import round_trip
from crm_bitrix.errors import PortalError
from integration import own_address, uis_methods
from integration.models import Credential, Portal
from integration.uis import Uis
from integration.uis_errors import UisError
from settings_ui.refusals import words_of

PATIENCE = timedelta(seconds=30)
"""So long a test event may be under way, and so long it may lie unread."""

GOOD, BAD, WAIT, OFF = "good", "bad", "wait", "off"
STATES = {
    GOOD: gettext_lazy("работает"),
    BAD: gettext_lazy("не работает"),
    WAIT: gettext_lazy("ждём"),
    OFF: gettext_lazy("не проверялось"),
}


@dataclass(frozen=True)
class Checked:
    """One part of the way: what was tried, how it ended, and what to do about it."""

    title: Any
    look: str
    text: Any = ""
    remedy: Any = ""

    @property
    def state(self) -> Any:
        return STATES[self.look]


def check_portal(portal: Portal) -> tuple[Checked, str]:
    """Ask Bitrix24 for a test event; the mark to wait for, "" when it was not asked."""
    title = _("Битрикс24 отвечает")
    try:
        return Checked(title, GOOD), round_trip.ask(portal)
    except PortalError as error:
        words = words_of(error)
        return Checked(title, BAD, words.title, words.step), ""


def check_uis(credential: Credential | None) -> tuple[Checked, ...]:
    """Ask UIS whose key it is, and knock at the address that it sends to."""
    key, address = _("UIS принимает ключ API"), _("Адрес для уведомлений открыт снаружи")
    if credential is None or not credential.uis_key:
        return Checked(key, OFF, _("Ключ ещё не указан.")), Checked(address, OFF)
    return _check_key(credential, key), _check_address(credential, address)


def _check_key(credential: Credential, title: str) -> Checked:
    try:
        account = uis_methods.account(Uis.of(credential))
    except UisError as error:
        return Checked(title, BAD, "", error.instruction)
    return Checked(title, GOOD, _("аккаунт {name}").format(name=account.name or account.app_id))


def _check_address(credential: Credential, title: str) -> Checked:
    problem = own_address.knock(credential)
    if not problem:
        return Checked(title, GOOD)
    remedy = _(
        "Адрес сервиса {url} должен открываться из интернета по https. Сообщите об этом тому, кто размещает интеграцию."
    )
    return Checked(title, BAD, problem, remedy.format(url=settings.PUBLIC_URL))


def check_return(portal: Portal, mark: str, *, asked_at: datetime, now: datetime) -> tuple[Checked, ...]:
    """Whether the test event has come back, and whether a worker has read it."""
    coming, reading = _("Событие Битрикс24 дошло до сервиса"), _("Сервис разобрал событие")
    if not mark:
        return Checked(coming, OFF), Checked(reading, OFF)
    event = round_trip.find_event(portal, mark)
    is_late = now > asked_at + PATIENCE
    if event is None:
        lost = Checked(coming, BAD if is_late else WAIT, "", _lost() if is_late else "")
        return lost, Checked(reading, OFF)
    seconds = max(0.0, (event.received_at - asked_at).total_seconds())
    came = Checked(coming, GOOD, _("за {seconds} с").format(seconds=f"{seconds:.0f}"))
    if event.folded_at:
        return came, Checked(reading, GOOD)
    remedy = _("Процессы worker и tick не работают. Сообщите об этом тому, кто размещает интеграцию.")
    return came, Checked(reading, BAD if is_late else WAIT, "", remedy if is_late else "")


def _lost() -> str:
    remedy = _(
        "Битрикс24 должен достигать адреса {url} из интернета по https. Проверьте это и переустановите приложение."
    )
    return remedy.format(url=settings.PUBLIC_URL + reverse("bitrix24-events"))


def is_waiting(parts: tuple[Checked, ...]) -> bool:
    """Say whether it is worth asking again."""
    return any(part.look == WAIT for part in parts)
