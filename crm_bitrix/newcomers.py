"""Creating people in UIS who are in Bitrix24 only: by explicit choice, and previewed. Nobody is ever renamed.

Source: https://comagic.github.io/data_api/, create.employees
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from crm_bitrix.employees import board
from crm_bitrix.matching import Person
from integration.country import country_of
from integration.models import Credential, EmployeeLink, UisItem
from integration.rules.phones import normalise_phone, phone_digits
from integration.uis import Uis
from integration.uis_errors import UisError

MAX_EXTENSION = 5


@dataclass(frozen=True)
class Newcomer:
    """A user who could be created in UIS: what would be sent, or why he cannot be."""

    user: Person
    params: Mapping[str, Any]
    refusal: str = ""


@dataclass(frozen=True)
class Created:
    """What became of one creation: the new employee's id, or the error."""

    user: Person
    employee_id: int | None
    error: str = ""


def preview_creation(credential: Credential, user_ids: Iterable[int]) -> tuple[Newcomer, ...]:
    """What creating these users in UIS would send. Nothing is sent.

    A phone or an extension that an employee has already is left out: UIS would take it away from him.
    """
    found = board(credential)
    missing = {user.id: user for user in found.missing}
    employees = [row.employee for row in found.rows]
    country = country_of(credential)
    phones = {normalise_phone(phone, country) for each in employees for phone in each.phones}
    extensions = {each.extension for each in employees}
    emails = {each.email.casefold(): each.name for each in employees if each.email}
    newcomers = []
    for user_id in dict.fromkeys(user_ids):
        user = missing.get(user_id)
        if user is None:
            newcomers.append(Newcomer(Person(user_id), {}, _("Уже связан с сотрудником UIS, уволен или неизвестен.")))
            continue
        params = _creation(user, phones, extensions, country)
        newcomers.append(Newcomer(user, params, _refusal(user, emails)))
        phones |= {f"+{phone['phone_number']}" for phone in params.get("phone_numbers", ())}
        extensions |= {user.extension}
    return tuple(newcomers)


def _refusal(user: Person, emails: Mapping[str, str]) -> str:
    if not user.last_name:
        return _("В профиле Битрикс24 нет фамилии, а UIS без неё сотрудника не создаёт. Заполните её в профиле.")
    if user.email and user.email.casefold() in emails:
        return _("Сотрудник с этой почтой в UIS уже есть: {name}. Свяжите их вручную.").format(
            name=emails[user.email.casefold()]
        )
    return ""


def _creation(
    user: Person, phones: Collection[str | None], extensions: Collection[str], country: str
) -> dict[str, Any]:
    params: dict[str, Any] = {"last_name": user.last_name, "first_name": user.first_name, "email": user.email}
    own = (normalise_phone(phone, country) for phone in user.phones)
    phone = next((phone for phone in own if phone and phone not in phones), None)
    if phone:
        params["phone_numbers"] = [{"phone_number": phone_digits(phone)}]
    extension = user.extension
    if extension.isdigit() and len(extension) <= MAX_EXTENSION and extension not in extensions:
        params["extension"] = {"extension_phone_number": extension}
    return {name: value for name, value in params.items() if value}


def create_people(credential: Credential, user_ids: Sequence[int]) -> tuple[Created, ...]:
    """Create these users in UIS and link them. One request each; the others go on when one is refused.

    After an answer that was lost nobody knows whether the employee exists: the next synchronisation finds him by his
    e-mail, so nothing is repeated here.
    """
    uis = Uis.of(credential)
    created = []
    for newcomer in preview_creation(credential, user_ids):
        if newcomer.refusal:
            created.append(Created(newcomer.user, None, newcomer.refusal))
            continue
        try:
            answer = uis.ask("create.employees", newcomer.params, is_urgent=True)
        except UisError as error:
            created.append(Created(newcomer.user, None, str(error.instruction)))
            continue
        employee_id = answer.rows[0].get("id") if answer.rows else None
        if not isinstance(employee_id, int):
            created.append(Created(newcomer.user, None, _("UIS не назвал номер нового сотрудника.")))
            continue
        _link_created(credential, newcomer, employee_id)
        created.append(Created(newcomer.user, employee_id))
    return tuple(created)


def _link_created(credential: Credential, newcomer: Newcomer, employee_id: int) -> None:
    user = newcomer.user
    phones = [
        {"number": phone["phone_number"], "is_active": True} for phone in newcomer.params.get("phone_numbers", ())
    ]
    data = {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "patronymic": "",
        "email": user.email,
        "extension": newcomer.params.get("extension", {}).get("extension_phone_number", ""),
        "phones": phones,
        "lines": [],
        "groups": [],
    }
    UisItem.objects.update_or_create(
        credential=credential,
        kind=UisItem.Kind.EMPLOYEE,
        code=str(employee_id),
        defaults={"name": user.name, "data": data, "missing_since": None},
    )
    EmployeeLink.objects.bulk_create(
        [
            EmployeeLink(
                credential=credential, uis_employee_id=employee_id, bitrix_user_id=user.id, how=EmployeeLink.How.STORED
            )
        ],
        ignore_conflicts=True,
    )
