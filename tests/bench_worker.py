"""Notifications a second through one worker, end to end, on many portals that are free of limits.

One process drains the lanes of all portals as a worker would, one after another: from raw events in the inbox to calls
that are done, each with its lead, card, activity and notice. The sandbox answers from a process of its own, at once.
The least that a queue could do with each notification is one INSERT and one UPDATE, in two transactions.
"""

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests import bench_world as world
from tests.bench_figures import Figure, alternate

PORTALS, CALLS = 20, 5


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Ours and the least, in turn."""
    del part
    portals, runs = (3, 2) if quick else (PORTALS, 5)
    with world.postgres() as database, world.remote_sandbox() as sandbox:
        world.prepare(database, sandbox_url=sandbox.url)
        world.start_django()
        sandbox.free_of_limits()
        world.without_bells()
        joined = _join_many(sandbox, portals)
        _create_table()
        phones = count(79_500_000_000)
        events = _tell(sandbox, joined, phones)
        _drain_all(joined, events)
        sides = {
            "ours": lambda: _drain_all(joined, _tell(sandbox, joined, phones)),
            "least": lambda: _insert_and_update(len(events) * portals),
        }
        got = alternate(sides, runs=runs)
    rates = {name: tuple(one for one in runs_) for name, runs_ in got.items()}
    yield Figure("notifications through one worker", rates["ours"], "1/s", "INSERT + UPDATE", rates["least"])


def _join_many(sandbox: world.Remote, number: int) -> list[world.Joined]:
    """Rows for many portals that are, on the other side, one and the same."""
    from integration.models import Credential, Portal

    told = sandbox.do("connection")
    joined = []
    for index in range(number):
        one = world.join(told | {"member_id": f"member-{index}"})
        joined.append(one)
    assert Portal.objects.count() == Credential.objects.count() == number
    return joined


def _tell(sandbox: world.Remote, joined: list[world.Joined], phones: Iterator[int]) -> list[bytes]:
    """The notifications of some calls into the inbox of every portal; those of the last one."""
    from integration import inbox
    from integration.models import InboxEvent

    bodies: list[bytes] = []
    for one in joined:
        bodies = []
        for _ in range(CALLS):
            story = sandbox.do("tell", kind="missed_call", client_phone=str(next(phones)), employees=[world.PETR])
            bodies += [world.as_bytes(body) for body in story["bodies"]]
        for body in bodies:
            inbox.receive(channel=one.credential.channel, source=InboxEvent.Source.UIS, lane=None, query="", body=body)
    return bodies


def _drain_all(joined: list[world.Joined], events: list[bytes]) -> float:
    """Notifications a second until every call is done."""
    from crm_bitrix import lane
    from integration.models import Communication, Lane, State

    Lane.objects.update(bucket_level=0, paused_until=None)
    began = time.perf_counter()
    for one in joined:
        lane.drain(one.portal.live_lane)
    took = time.perf_counter() - began
    open_ = Communication.objects.exclude(state=State.DONE)
    assert not open_.exists(), list(open_.values_list("state", "reason")[:3])
    return len(events) * len(joined) / took


def _create_table() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_least (id bigserial PRIMARY KEY, body bytea, done_at timestamptz)")


def _insert_and_update(number: int) -> float:
    from django.db import connection

    body: Any = bytes(700)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        for _ in range(number):
            cursor.execute("INSERT INTO bench_least (body) VALUES (%s) RETURNING id", [body])
            cursor.execute("UPDATE bench_least SET done_at = now() WHERE id = %s", [cursor.fetchone()[0]])
    return number / (time.perf_counter() - began)
