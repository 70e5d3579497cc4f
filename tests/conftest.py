"""What the tests share: an outside world over real HTTP, a product connected to it, a clock, and the queue's bell.

Only the bell is patched: `product.work()` drains the lanes that were rung, in the test's own thread, until all is
quiet. Time stands still unless a test moves it.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from playwright.sync_api import expect

from crm_bitrix import lane, rulesets
from crm_bitrix.models import BitrixItem, CrmAction, RequestLog
from integration import country, ringer
from integration.models import (
    Communication,
    Credential,
    EmployeeLink,
    Filter,
    InboxEvent,
    Lane,
    NameTemplate,
    Portal,
    SettingsTab,
    Stream,
)
from integration.rules.facts import StreamKind
from telephony.models import Record
from tests.leaks import listen, no_leaks, search_journals  # noqa: F401 - fixtures
from tests.sandbox import Sandbox
from tests.tables import quick_journeys  # noqa: F401 - a fixture

JOURNALS = "|".join(one._meta.db_table for one in (Communication, CrmAction, InboxEvent, Lane, Record, RequestLog))
WRITES_A_SETTING = re.compile(rf'(INSERT INTO|UPDATE|DELETE FROM) (?!"?({JOURNALS})\b)')
START = datetime(2026, 3, 16, 7, 15, tzinfo=UTC)

expect.set_options(timeout=20_000)  # what a busy machine takes for a screen, in milliseconds, is no fault of the screen


@dataclass
class Product:
    """The service as a test sees it, connected to the sandbox's portal and UIS account."""

    sandbox: Sandbox
    clock: time_machine.Traveller
    bells: list[str]
    portal: Portal
    credential: Credential
    secret: str
    client: Client = field(default_factory=Client)

    @property
    def events_path(self) -> str:
        return f"/uis/{self.credential.uuid}/{self.secret}/events/"

    def notify(self, body: Any) -> int:
        """Deliver one notification, as UIS would; the status of the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.client.post(self.events_path, data=data, content_type="application/json").status_code

    def work(self) -> None:
        """Drain the lanes that were rung until no bell is left."""
        while self.bells:
            lane.drain(self.bells.pop(0))

    def pass_time(self, seconds: float = 1) -> None:
        """Let time go by, then tick and work."""
        self.clock.shift(timedelta(seconds=seconds))
        lane.tick()
        self.work()

    def play(self, kind: str, *, step_by_step: bool = True, **wishes: Any) -> Any:
        """Play a story; step by step the product works after each notification, as it would in life."""
        story = self.sandbox.tell(kind, **wishes)
        for number in range(len(story.steps)):
            story.post([number])
            if step_by_step:
                self.work()
        self.work()
        return story

    def call(self, story: Any) -> Communication:
        """The communication of a story."""
        return Communication.objects.get(kind="call", uis_id=story.id)

    def stream(self, kind: str = "incoming") -> Stream:
        return self.credential.streams.get(kind=kind)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with the product or the sandbox around it is a journey: real HTTP, tables emptied each time."""
    for item in items:
        if {"product", "sandbox", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("journey")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The Chromium of the system; `make test` finds or installs it."""
    arguments = ["--host-resolver-rules=MAP *.example 127.0.0.1", "--disable-background-networking"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    found = os.environ.get("CHROMIUM")
    return {**browser_type_launch_args, "args": arguments, **({"executable_path": found} if found else {})}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sandbox(clock: time_machine.Traveller) -> Iterator[Sandbox]:
    with Sandbox().serve() as world:
        yield world
    assert not world.slips, world.slips


@pytest.fixture(autouse=True)
def _rung_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request leaves to the ringer is rung in the thread of the request."""
    monkeypatch.setattr("integration.ringer.leave", lambda credential: ringer.ring({credential}))


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr("integration.lanes.async_task", lambda _task, name, **_options: rung.append(name))
    return rung


@pytest.fixture
def fresh_rulesets(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test changes rows behind the document's back: what the process keeps of them is forgotten at each write that
    is none of a journal. To compile rulesets for every lane anew took a sixth of all journeys."""
    monkeypatch.setattr(rulesets, "_kept", {})

    def forget(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if WRITES_A_SETTING.match(sql):
            rulesets._kept.clear()
            country._country.cache_clear()
        return execute(sql, *rest)

    with connection.execute_wrapper(forget):
        yield


@pytest.fixture
def product(
    fresh_rulesets: None,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    sandbox: Sandbox,
    clock: time_machine.Traveller,
    bells: list[str],
) -> Iterator[Product]:
    """A product connected to the sandbox, with the smallest settings that work."""
    cache.clear()
    monkeypatch.setattr("crm_bitrix.lane.LOOK_SECONDS", 0)
    monkeypatch.setattr("crm_bitrix.client.sleep", lambda seconds: clock.shift(timedelta(seconds=seconds)))
    told = sandbox.connection()
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.BITRIX24_CLIENT_ID = told["client_id"]
    settings.BITRIX24_CLIENT_SECRET = told["client_secret"]
    settings.BITRIX24_OAUTH_URLS = [told["oauth_url"]]
    settings.UIS_DATA_API_URL = told["uis"]["data_api_url"]
    settings.UIS_CALL_API_URL = told["uis"]["call_api_url"]
    portal = connect_portal(told)
    credential = Credential.objects.create(portal=portal, name="Основной портал", uis_key=told["uis"]["key"])
    secret = credential.set_new_secret()
    credential.save()
    configure(credential)
    ready = Product(sandbox, clock, bells, portal, credential, secret)
    sandbox.uis.events_url = ready.notify
    yield ready
    search_journals()


def connect_portal(told: dict[str, Any]) -> Portal:
    """The rows of a portal that has installed the application."""
    portal = Portal.objects.create(
        member_id=told["member_id"],
        domain=told["domain"],
        client_endpoint=told["client_endpoint"],
        oauth_host=told["oauth_url"],
        scope=told["scope"],
        access_token=told["access_token"],
        refresh_token=told["refresh_token"],
        application_token=told["application_token"],
        token_user_id=told["user_id"],
    )
    for name in (portal.live_lane, portal.bulk_lane):
        Lane.objects.create(name=name)
    for user_id, name in ((1, "Мария Орлова"), (12, "Пётр Иванов"), (15, "Анна Смирнова")):
        BitrixItem.objects.create(portal=portal, kind="user", code=str(user_id), name=name, data={"is_active": True})
    return portal


def configure(credential: Credential) -> None:
    """Active tabs, a default responsible for every stream, two matched employees."""
    for tab in SettingsTab.Tab.values:
        SettingsTab.objects.create(credential=credential, tab=tab, is_active=True)
    for kind in StreamKind:
        what = "item" if kind in ("incoming", "outgoing") else "item_and_activity"
        for_ = "new" if kind == "incoming" else "none" if kind == "outgoing" else "both"
        Stream.objects.create(
            credential=credential, kind=str(kind), create_for=for_, create_what=what, default_responsible_id=1
        )
    for uis_id, user_id in ((700101, 12), (700102, 15)):
        EmployeeLink.objects.create(credential=credential, uis_employee_id=uis_id, bitrix_user_id=user_id)


def set_title(stream: Stream, result: str, text: str) -> None:
    NameTemplate.objects.update_or_create(stream=stream, result=result, defaults={"text": text})


def set_filter(stream: Stream, conditions: Any) -> None:
    Filter.objects.update_or_create(stream=stream, defaults={"conditions": conditions})
