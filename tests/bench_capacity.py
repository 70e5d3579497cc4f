"""How many portals two processors carry: a simulation of 10 000 portals with the clock sped up.

Rows for all portals are in the database; one process does what all processes would do, second by simulated second: it
takes notifications, ticks and drains. All portals are, on the other side, one that is free of limits. What is measured
is the time of this process's processor per simulated second, by kind of work; waiting costs nothing, and PostgreSQL's
own share is measured beside it. From that: how much of two processors an average day takes, and how many portals fill
them to seventy parts of a hundred.
"""

import gc
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests import bench_world as world
from tests.bench_figures import Figure

PORTALS, QUICK_PORTALS = 10_000, 300
SECONDS, QUICK_SECONDS = 20, 10
CALLS_A_DAY = 40
NOTIFICATIONS = 11
"""Calls of an average portal, and notifications of a call."""

DAY_SECONDS = 86_400
PROCESSORS, FULL = 2, 0.7
SEED = 7


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Load of an average second, by kind of work, and the portals that fill the machine."""
    del part
    portals, seconds = (QUICK_PORTALS, QUICK_SECONDS) if quick else (PORTALS, SECONDS)
    with world.postgres() as database, world.product(database) as product:
        _free_of_limits(product)
        credentials = _multiply(product, portals)
        _settle()
        before = _postgres_seconds()
        spent, done = _simulate(product, credentials, seconds)
        database_load = (_postgres_seconds() - before) / seconds
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
    portal, uis = product.sandbox.portal, product.sandbox.uis
    portal.leak_per_second = portal.bucket_size = portal.operating_limit = 1e9
    uis.minute_limit = uis.day_limit = 10**9


def _multiply(product: Any, number: int) -> list[Any]:
    """Rows of so many portals in the middle of an ordinary day: their polls and dictionaries have turns spread over
    their periods."""
    from django.utils import timezone

    from crm_bitrix.models import BitrixItem, SyncRun
    from integration.models import Credential, EmployeeLink, Lane, Portal, ReportCursor, SettingsTab, Stream

    now, chance = timezone.now(), random.Random(SEED)
    model, owner = product.portal, product.credential
    portals = Portal.objects.bulk_create(_copy(model, member_id=f"member-{index}") for index in range(number))
    credentials = Credential.objects.bulk_create(
        _copy(owner, portal=portal, uuid=None, uis_account_id=None) for portal in portals
    )
    Lane.objects.bulk_create(Lane(name=name) for portal in portals for name in (portal.live_lane, portal.bulk_lane))
    Lane.objects.bulk_create(Lane(name=credential.channel) for credential in credentials)
    for table in (SettingsTab, Stream, EmployeeLink):
        rows = list(table.objects.filter(credential=owner))
        table.objects.bulk_create(_copy(row, credential=one) for one in credentials for row in rows)
    people = list(BitrixItem.objects.filter(portal=model))
    BitrixItem.objects.bulk_create(_copy(row, portal=portal) for portal in portals for row in people)
    ReportCursor.objects.bulk_create(
        ReportCursor(credential=one, kind=kind, since=now - timedelta(hours=2), next_at=now + _within(chance, 900))
        for one in credentials
        for kind in ReportCursor.Kind.values
    )
    SyncRun.objects.bulk_create(
        SyncRun(portal=portal, state=SyncRun.State.DONE, started_at=now - _within(chance, 1800)) for portal in portals
    )
    return credentials


def _settle() -> None:
    """PostgreSQL looks through new rows by itself within a minute, in life; and no process holds them all."""
    from django.db import connection

    gc.collect()
    gc.freeze()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _within(chance: random.Random, seconds: float) -> timedelta:
    return timedelta(seconds=chance.uniform(0, seconds))


def _copy(row: Any, **changes: Any) -> Any:
    fields = [field.attname for field in row._meta.concrete_fields if not field.primary_key]
    values = {name: getattr(row, name) for name in fields}
    copy = type(row)(**values)
    for name, value in changes.items():
        setattr(copy, name, uuid.uuid4() if name == "uuid" else value)
    return copy


def _simulate(product: Any, credentials: list[Any], seconds: int) -> tuple[Counter[str], Counter[str]]:
    """Seconds of the processor by kind of work, and how often it was done."""
    from crm_bitrix import lane, synchronise

    runs: list[int] = []
    synchronise.async_task = lambda _task, run_id, **_options: runs.append(run_id)
    spent, done, chance = Counter[str](), Counter[str](), random.Random(SEED)

    def timed(name: str, work: Callable[[], object], number: int = 1) -> None:
        began = time.thread_time()
        work()
        spent[name] += time.thread_time() - began
        done[name] += number

    calls_a_second = len(credentials) * CALLS_A_DAY / DAY_SECONDS
    waiting = 0.0
    for _ in range(seconds):
        waiting += calls_a_second
        while waiting >= 1:
            waiting -= 1
            done["calls"] += 1
            _tell(product, chance.choice(credentials), timed)
        product.clock.shift(1)
        timed("ticks", lane.tick)
        timed("ticks", synchronise.ring_due, 0)
        while product.bells or runs:
            while product.bells:
                name = product.bells.pop(0)
                kind = {"live": "drains for calls", "bulk": "recordings"}.get(name.rsplit(":", 1)[-1], "reports of UIS")
                timed(kind, partial(lane.drain, name))
            while runs:
                run_id = runs.pop(0)
                timed("dictionaries", partial(synchronise.work, run_id))
    del done["calls"]
    return spent, done


def _tell(product: Any, credential: Any, timed: Callable[..., None]) -> None:
    """A call's notifications of this credential, one after another as they come, each followed by its drain."""
    from crm_bitrix import lane
    from integration import inbox
    from integration.models import InboxEvent

    story = product.sandbox.tell("answered_call", employees=[world.PETR])
    live = credential.portal.live_lane
    for body in story.bodies:
        event = {"source": InboxEvent.Source.UIS, "query": "", "body": world.as_bytes(body)}
        timed("notifications", partial(inbox.receive, channel=credential.channel, lane=live, **event))
        while live in product.bells:
            product.bells.remove(live)
            timed("drains for calls", partial(lane.drain, live))


def _postgres_seconds() -> float:
    """What PostgreSQL's process for our connection has taken of the processor."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        fields = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
