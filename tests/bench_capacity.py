"""How many portals two processors carry: a simulation of 10 000 portals with the clock sped up.

Rows for all portals are in the database; one process does what all processes would do, second by simulated second: it
takes notifications, ticks and drains whatever is due. Each portal has a UIS account of its own on the other side, with
the vendor's limits; in Bitrix24 all are one portal that is free of limits. What is measured is the time of this
process's processor per simulated second, by kind of work; waiting costs nothing, and PostgreSQL's own share is measured
beside it. From that: how much of two processors an average day takes, and how many portals fill them to seventy parts
of a hundred.

The measuring begins when the first calls have gone all their way, and whatever was told is carried over in the end,
unmeasured: the calls, their recordings and their reports must then be as many as were told, none twice and none of
another's.
"""

import gc
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from tests import bench_world as world
from tests.bench_figures import Figure

PORTALS, QUICK_PORTALS = 10_000, 300
SECONDS, QUICK_SECONDS = 20, 10
BEFORE_SECONDS, LONGEST_AFTER_SECONDS = 10, 120
"""Simulated before the measuring begins: a call is told of, its report is asked for, its recording is transferred.
And after it, until the last ones are, at most."""

CALLS_A_DAY = 40
NOTIFICATIONS = 11
"""Calls of an average portal, and notifications of a call."""

WORKERS = 1000
DAY_SECONDS = 86_400
PROCESSORS, FULL = 2, 0.7
SEED = 7


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Load of an average second, by kind of work, and the portals that fill the machine."""
    del part
    portals, seconds = (QUICK_PORTALS, QUICK_SECONDS) if quick else (PORTALS, SECONDS)
    with world.postgres() as database, world.product(database) as product:
        _free_of_limits(product)
        day = Day(product, _multiply(product, portals))
        _settle()
        day.pass_seconds(BEFORE_SECONDS)
        day.forget()
        before = world.postgres_seconds()
        day.pass_seconds(seconds)
        database_load = (world.postgres_seconds() - before) / seconds
        spent, done = day.spent.copy(), day.done.copy()
        day.end()
    loads = {name: value / seconds for name, value in spent.items()}
    for name, load in loads.items():
        note = f"{done[name]} in {seconds} s, {1000 * spent[name] / max(1, done[name]):.1f} ms each"
        yield Figure(f"{portals} portals: {name}", (100 * load,), "% of a processor", note=note)
    yield Figure(f"{portals} portals: PostgreSQL", (100 * database_load,), "% of a processor")
    total = sum(loads.values()) + database_load
    carried = portals * PROCESSORS * FULL / total
    note = f"{CALLS_A_DAY} calls a day each, {PROCESSORS} processors filled to {FULL:.0%}; an average second of the day"
    yield Figure("portals that this machine carries", (carried,), "portals", note=note)
    yield Figure(
        "their notifications a day", (carried * CALLS_A_DAY * 11,), "", note="a working day's peak is 3 × as much"
    )


def _free_of_limits(product: Any) -> None:
    """One portal stands for all; and as many workers as there is work: their waiting is not measured."""
    from django.conf import settings

    portal = product.sandbox.portal
    portal.leak_per_second = portal.bucket_size = portal.operating_limit = 1e9
    settings.Q_WORKERS = WORKERS


def _multiply(product: Any, number: int) -> list[Any]:
    """Rows of so many portals, each with an account of its own, in the middle of an ordinary day: their dictionaries
    are known, and their polls and synchronisations have turns spread over their periods."""
    from django.utils import timezone

    from crm_bitrix import synchronise
    from crm_bitrix.models import BitrixItem, SyncRun
    from integration import reports
    from integration.models import (
        Credential,
        EmployeeLink,
        Lane,
        Portal,
        ReportCursor,
        SettingsTab,
        Stream,
        UisItem,
    )

    now, chance = timezone.now(), random.Random(SEED)
    model, owner = product.portal, product.credential
    assert synchronise.run_now(model, by="").state == SyncRun.State.DONE
    portals = Portal.objects.bulk_create(_copy(model, member_id=f"member-{index}") for index in range(number))
    credentials = Credential.objects.bulk_create(
        _copy(owner, portal=portal, uuid=None, uis_account_id=None, uis_key=f"key-{index}")
        for index, portal in enumerate(portals)
    )
    for credential in credentials:
        product.sandbox.add_account(credential.uis_key)
    Lane.objects.bulk_create(Lane(name=name) for portal in portals for name in (portal.live_lane, portal.bulk_lane))
    Lane.objects.bulk_create(Lane(name=credential.channel) for credential in credentials)
    for table in (SettingsTab, Stream, EmployeeLink, UisItem):
        _copy_to_all(table, "credential", owner)
    _copy_to_all(BitrixItem, "portal", model)
    ReportCursor.objects.bulk_create(
        ReportCursor(credential=one, kind=kind, since=now - reports.OVERLAP, next_at=now + turn)
        for one in credentials
        for kind, turn in _turns(chance).items()
    )
    newest = [(portal, now - _within(chance, synchronise.EVERY)) for portal in portals]
    SyncRun.objects.bulk_create(
        SyncRun(portal=portal, state=SyncRun.State.DONE, started_at=at - back * synchronise.EVERY)
        for portal, at in newest
        for back in range(synchronise.KEPT_RUNS)
    )
    return credentials


def _turns(chance: random.Random) -> dict[str, timedelta]:
    """In how long each poll of an account comes: those for reports together, as they were begun."""
    from integration import reports
    from integration.models import ReportCursor

    kinds = ReportCursor.Kind
    together = dict.fromkeys((kinds.CALLS, kinds.CHATS, kinds.REQUESTS), _within(chance, reports.EVERY))
    return {kinds.AWAITED: timedelta(), **together, kinds.DAYS: _within(chance, reports.DAYS_EVERY)}


def _copy_to_all(table: Any, owner: str, model: Any) -> None:
    """Give all the others what one portal or credential has in a table."""
    from django.db import connection

    meta = table._meta
    its = meta.get_field(owner).column
    rest = ", ".join(field.column for field in meta.concrete_fields if not field.primary_key and field.column != its)
    others = f"(SELECT id AS other FROM {model._meta.db_table} WHERE id <> %s) others"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {meta.db_table} ({its}, {rest}) SELECT other, {rest} FROM {meta.db_table}, {others} "
            f"WHERE {its} = %s",
            [model.pk, model.pk],
        )


def _settle() -> None:
    """PostgreSQL looks through new rows by itself within a minute, in life; and no process holds them all."""
    from django.db import connection

    gc.collect()
    gc.freeze()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _within(chance: random.Random, period: timedelta) -> timedelta:
    return chance.random() * period


def _copy(row: Any, **changes: Any) -> Any:
    fields = [field.attname for field in row._meta.concrete_fields if not field.primary_key]
    values = {name: getattr(row, name) for name in fields}
    copy = type(row)(**values)
    for name, value in changes.items():
        setattr(copy, name, uuid.uuid4() if name == "uuid" else value)
    return copy


class Day:
    """A simulated part of a day. `spent` are seconds of this thread's processor by kind of work, `done` how often."""

    def __init__(self, product: Any, credentials: list[Any]) -> None:
        from crm_bitrix import lane, synchronise

        lane.LOOK_SECONDS = 1.0  # as in life: a second here takes about as long
        self.product, self.credentials = product, credentials
        self.spent, self.done = Counter[str](), Counter[str]()
        self.told, self.waiting, self.chance = 0, 0.0, random.Random(SEED)
        self.runs: list[int] = []
        synchronise.async_task = lambda _task, run_id, **_options: self.runs.append(run_id)

    def forget(self) -> None:
        """Begin to count anew."""
        self.spent.clear()
        self.done.clear()

    def pass_seconds(self, seconds: int, *, calls_a_day: int = CALLS_A_DAY) -> None:
        """Let calls come at random, and do second by second whatever is due."""
        for _ in range(seconds):
            self.waiting += len(self.credentials) * calls_a_day / DAY_SECONDS
            while self.waiting >= 1:
                self.waiting -= 1
                self._tell(self.chance.choice(self.credentials))
            self._tick()

    def end(self) -> None:
        """Go on without further calls until those that were told are carried over, and look that nothing else was."""
        from integration.models import Communication, InboxEvent, State
        from telephony.models import Record

        transferred = Record.objects.filter(state=Record.State.DONE)
        reports = InboxEvent.objects.filter(source=InboxEvent.Source.REPORT, name="calls_report")
        awaited = Communication.objects.filter(report_at__isnull=False)
        for _ in range(LONGEST_AFTER_SECONDS):
            if transferred.count() == self.told and not awaited.exists():
                break
            self.pass_seconds(1, calls_a_day=0)
        carried = Communication.objects.filter(state=State.DONE).count(), transferred.count(), reports.count()
        assert carried == (self.told,) * 3, (self.told, carried)
        assert Record.objects.count() == Communication.objects.count() == self.told

    def _tick(self) -> None:
        from crm_bitrix import lane, synchronise

        self.product.clock.shift(1)
        self._timed("ticks", lane.tick)
        self._timed("ticks", synchronise.ring_due, 0)
        bells = self.product.bells
        while bells or self.runs:
            while bells:
                name = bells.pop(0)
                kind = {"live": "drains for calls", "bulk": "recordings"}.get(name.rsplit(":", 1)[-1], "reports of UIS")
                self._timed(kind, partial(lane.drain, name))
            while self.runs:
                self._timed("dictionaries", partial(synchronise.work, self.runs.pop(0)))

    def _tell(self, credential: Any) -> None:
        """A call's notifications of this credential, one after another as they come, each followed by its drain."""
        from crm_bitrix import lane
        from integration import inbox
        from integration.models import InboxEvent

        self.told += 1
        story = self.product.sandbox.tell("answered_call", employees=[world.PETR], uis_key=credential.uis_key)
        live, bells = credential.portal.live_lane, self.product.bells
        for body in story.bodies:
            event = {"source": InboxEvent.Source.UIS, "query": "", "body": world.as_bytes(body)}
            self._timed("notifications", partial(inbox.receive, channel=credential.channel, lane=live, **event))
            while live in bells:
                bells.remove(live)
                self._timed("drains for calls", partial(lane.drain, live))

    def _timed(self, name: str, work: Callable[[], object], number: int = 1) -> None:
        began = time.thread_time()
        work()
        self.spent[name] += time.thread_time() - began
        self.done[name] += number
