"""The way to the first delivered call, as a list of steps that tick themselves."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from integration.models import Communication, Credential, EmployeeLink, InboxEvent, Portal, State
from integration.notifications import missing_events

FIRST_CALL = 4
"""So many steps lead to the first call; after it the list need not stand open."""


@dataclass(frozen=True)
class Step:
    """One step: `code` chooses what the page shows inside the open step."""

    code: str
    title: Any
    text: Any
    is_done: bool


def steps_of(portal: Portal, credential: Credential | None) -> list[Step]:
    """The steps of a portal in their order; of those not done the page opens the first."""
    has_key = credential is not None and bool(credential.uis_key)
    channel = credential.channel if credential else ""
    missing = [str(one.label) for one in missing_events(credential, kinds=("call",))] if credential and has_key else []
    done = Communication.objects.filter(portal=portal, kind="call", state=State.DONE)
    return [
        Step("key", _("Подключить UIS"), _("Ключ API проверяется сразу и хранится зашифрованным."), has_key),
        Step(
            "addresses",
            _("Направить уведомления UIS сюда"),
            _("UIS сообщает о звонках, чатах и заявках по адресу, который нужно вставить в личном кабинете."),
            has_key and InboxEvent.objects.filter(channel=channel, source=InboxEvent.Source.UIS).exists(),
        ),
        Step(
            "employees",
            _("Сопоставить сотрудников"),
            _("Чтобы карточка звонка открылась у того, чей телефон звонит."),
            has_key and EmployeeLink.objects.filter(credential=credential, bitrix_user_id__isnull=False).exists(),
        ),
        Step(
            "call",
            _("Сделать пробный звонок"),
            _("Позвоните на свой виртуальный номер: звонок появится в CRM."),
            done.exists(),
        ),
        Step(
            "notifications",
            _("Получить каждое нужное уведомление"),
            _("Пока не пришли: {names}.").format(names=", ".join(missing)) if missing else _("Все пришли хотя бы раз."),
            has_key and not missing,
        ),
    ]


def open_step(steps: list[Step]) -> str:
    """The code of the first step that is not done, "" when all are."""
    return next((step.code for step in steps if not step.is_done), "")


def credential_of(portal: Portal) -> Credential | None:
    """The credential whose checklist is shown: the one still without a key, else the newest."""
    credentials = list(Credential.objects.filter(portal=portal).order_by("-pk"))
    return next((one for one in credentials if not one.uis_key), credentials[0] if credentials else None)
