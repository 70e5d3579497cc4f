"""State of a UIS account: people, numbers, and the rows of its reports."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests

from . import clock
from .faults import Faults

TIMEOUT_SECONDS = 15
MINUTE_LIMIT, DAY_LIMIT = 100, 5000
Row = dict[str, Any]


@dataclass
class UisAccount:
    """One account. `events_url` and `route_url` are addresses, or for tests a function `(body) -> status`.

    Report rows hold all columns; `_from` and `_till` (Unix time) say when the communication began and ended: a
    report shows a row only once it has ended (calls in progress on request). `dials` are calls asked for through
    the Call API, by call session id. `deliveries` are the notifications sent.
    """

    app_id: int = 100200
    name: str = "ООО Пример"
    timezone: str = "Europe/Moscow"
    key: str = "sandbox-uis-key"
    url: str = "http://127.0.0.1"
    events_url: Any = ""
    route_url: Any = ""
    minute_limit: int = MINUTE_LIMIT
    day_limit: int = DAY_LIMIT
    calls: list[Row] = field(default_factory=list)
    legs: list[Row] = field(default_factory=list)
    chats: list[Row] = field(default_factory=list)
    chat_messages: list[Row] = field(default_factory=list)
    offline_messages: list[Row] = field(default_factory=list)
    dials: dict[int, Row] = field(default_factory=dict)
    deliveries: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    id_offset: int = 0
    faults: Faults = field(default_factory=Faults)

    @cached_property
    def directories(self) -> dict[str, list[Row]]:
        """Rows by the vendor's names; made when first looked at: of many accounts few are."""
        return default_directories()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["faults"] = Faults()
        for name in ("events_url", "route_url"):
            if not isinstance(state[name], str):
                state[name] = ""
        return state

    def next_id(self, kind: str, start: int) -> int:
        """Next number of a kind of row; ids of communications begin `id_offset` higher."""
        offset = 0 if kind in ("phone", "employee") else self.id_offset
        self.counters[kind] = self.counters.get(kind, start - 1 + offset) + 1
        return self.counters[kind]

    @property
    def employees(self) -> list[Row]:
        """People of the account."""
        return self.directories["employees"]

    def employee(self, employee_id: int) -> Row:
        """One employee; raises KeyError."""
        for row in self.employees:
            if row["id"] == employee_id:
                return row
        raise KeyError(employee_id)

    def employee_by_phone(self, phone: str) -> Row | None:
        """Whose extension or phone this is."""
        for row in self.employees:
            extension = (row.get("extension") or {}).get("extension_phone_number")
            if phone == extension or phone in {one["phone_number"] for one in row["phone_numbers"]}:
                return row
        return None

    def add_employee(
        self, last_name: str, first_name: str = "", *, extension: str = "", email: str = "", phone: str = ""
    ) -> Row:
        """Add a person with one phone."""
        number = self.next_id("employee", 700103)
        row = employee_row(number, last_name, first_name, extension=extension, email=email, phone=phone)
        self.employees.append(row)
        return row

    def add_employees(self, n: int) -> None:
        """Add many people, with the extensions and e-mails of `portal.add_users`."""
        for number in range(n):
            self.add_employee(
                f"Фамилия{number}",
                f"Имя{number}",
                extension=str(20000 + number),
                email=f"user{1001 + number}@acme.example",
            )

    def notify(self, body: Row, *, to: str | Callable[[Row], int] | None = None) -> int:
        """Send one notification; the HTTP status, 0 when nobody answers or no address is known."""
        target = to or self.events_url
        status = 0
        if callable(target):
            status = int(target(body))
        elif target:
            headers = {"Content-Type": "application/json"}
            data = json.dumps(body, ensure_ascii=False).encode()
            try:
                status = requests.post(target, data=data, headers=headers, timeout=TIMEOUT_SECONDS).status_code
            except requests.RequestException:
                status = 0
        self.deliveries.append({"at": clock.now(), "event": body.get("event"), "status": status, "body": body})
        return status

    def ask_route(self, *, phone: str, virtual_number: str, call_session_id: int) -> Row | None:
        """Ask the product who should get a call; its JSON answer, or None on any failure."""
        body = {
            "call_session_id": call_session_id,
            "numa": phone,
            "numb": virtual_number,
            "start_time": clock.uis_time(clock.now()),
            "direction": "in",
            "input_result": None,
        }
        if callable(self.route_url):
            return self.route_url(body)
        if not self.route_url:
            return None
        try:
            answer = requests.post(self.route_url, json=body, timeout=5)
            return answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError):
            return None


def employee_row(number: int, last_name: str, first_name: str, *, extension: str, email: str, phone: str) -> Row:
    """All columns of an employee."""
    phone = phone or f"7900{number:07d}"
    return {
        "id": number,
        "login": email.split("@", maxsplit=1)[0] or None,
        "first_name": first_name,
        "last_name": last_name,
        "patronymic": None,
        "full_name": f"{last_name} {first_name}".strip(),
        "email": email,
        "status_id": 1,
        "call_recording": "all",
        "phone_numbers": [
            {"phone_id": number + 1000, "phone_number": phone, "channels_count": 1, "dial_time": 60, "status": "active"}
        ],
        "extension": {
            "extension_phone_number": extension,
            "extension_voice_mail_enabled": False,
            "extension_queue_enabled": False,
        }
        if extension
        else None,
        "groups": [{"group_id": 61001, "group_name": "Продажи"}],
        "schedule_id": None,
        "schedule_name": None,
        "operator": None,
        "coach": None,
    }


def default_directories() -> dict[str, list[Row]]:
    """People, numbers, scenarios, sites, campaigns, tags and channels of a small account."""
    scenario = {
        "scenario_id": 300400,
        "scenario_name": "Отдел продаж",
        "call_processing_rule_id": 7001,
        "is_active": True,
    }
    numbers = [(396001, "74950000010", "Основной"), (396002, "74950000020", "Реклама")]
    people = [
        employee_row(700101, "Иванов", "Пётр", extension="101", email="petr.ivanov@acme.example", phone="79000000011"),
        employee_row(
            700102, "Смирнова", "Анна", extension="102", email="anna.smirnova@acme.example", phone="79000000012"
        ),
    ]
    return {
        "employees": people,
        "group_employees": [
            {
                "id": 61001,
                "name": "Продажи",
                "members": [{"employee_id": row["id"], "employee_full_name": row["full_name"]} for row in people],
                "phone_numbers": [],
                "group_phone_number": "500",
                "queue_enabled": False,
                "channels_count": 2,
            }
        ],
        "virtual_numbers": [
            {
                "id": number,
                "virtual_phone_number": phone,
                "redirection_phone_number": None,
                "activation_date": "2025-01-10 00:00:00",
                "status": "active",
                "category": "usual",
                "type": "va",
                "comment": None,
                "name": name,
                "campaigns": [],
                "site_blocks": [],
                "scenarios": [scenario],
            }
            for number, phone, name in numbers
        ],
        "sites": [
            {
                "id": 41001,
                "domain_name": "shop.example",
                "name": "Магазин",
                "default_phone_number": "74950000010",
                "default_scenario": {"scenario_id": 300400, "scenario_name": "Отдел продаж"},
                "target_call_min_duration": 30,
                "second_communication_period": 30,
                "state": "active",
            }
        ],
        "campaigns": [
            {
                "id": 910001,
                "name": "Посетители без рекламной кампании",
                "status": "active",
                "type": "system",
                "site_id": 41001,
            }
            | {"site_domain_name": "shop.example", "engine": None, "description": None}
        ],
        "scenarios": [
            {
                "id": 300400,
                "name": "Отдел продаж",
                "virtual_phone_numbers": [],
                "sites": [],
                "campaigns": [],
                "operations": [],
            }
        ],
        "tags": [
            {"id": 81001, "name": "Целевой", "is_system": False, "rating": None},
            {"id": 81002, "name": "Спам", "is_system": False, "rating": None},
        ],
        "chat_channels": [
            {
                "id": number,
                "name": name,
                "type": kind,
                "status": "active",
                "group_id": 61001,
                "group_name": "Продажи",
                "employee_id": None,
                "employee_full_name": None,
                "channel_external_id": external,
            }
            for number, name, kind, external in (
                (28001, "Чат на сайте", "comagic", None),
                (28002, "WhatsApp продаж", "whatsapp", "79000000020"),
            )
        ],
        "sip_lines": [
            {
                "id": 55500 + number,
                "phone_number": f"00000{number}",
                "type": "in_out",
                "billing_state": "active",
                "physical_state": "Зарегистрирована",
                "virtual_phone_number": "74950000010",
                "employee_id": 700100 + number,
                "status": "active",
                "ip_addresses": [],
            }
            for number in (1, 2)
        ],
        "statuses": [
            {"id": 1, "name": "Доступен", "mnemonic": "available", "is_worktime": True, "is_select_allowed": True},
            {
                "id": 2,
                "name": "Нет на месте",
                "mnemonic": "not_at_workplace",
                "is_worktime": True,
                "is_select_allowed": True,
            },
        ],
        "contacts": [],
    }
