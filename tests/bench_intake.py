"""Accepting notifications: how many a second, and how long one waits, against a bare view with one INSERT.

Both are views of the same server process behind the same middleware, asked in turn over the same number of
connections. Nobody drains meanwhile, so a lane that was rung is rung again after five seconds; the bare view wakes
nobody. The load comes from this process, on the same machine.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

from tests import bench_load as load
from tests import bench_world as world
from tests.bench_figures import Figure, Goal, alternate, percentile

BODY = json.loads((world.ROOT / "tests" / "payloads" / "call_session_finished.json").read_text())
DATABASES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "PostgreSQL": world.postgres,
    "SQLite": world.sqlite,
}
WARM_SECONDS = 2.0
RATE = 200


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Throughput and latency on one database."""
    runs, seconds = (3, 2.0) if quick else (9, 2.0)
    with DATABASES[part]() as database:
        world.prepare(database)
        world.start_django()
        paths = {"ours": _join(), "bare": "/bare/"}
        with world.running("web"):
            makers = {name: _maker(path) for name, path in paths.items()}
            for make in makers.values():
                load.as_fast_as_possible(world.WEB_PORT, make, seconds=WARM_SECONDS)
            fast = alternate({name: _fast(make, seconds) for name, make in makers.items()}, runs=runs)
            paced = alternate({name: _paced(make, seconds) for name, make in makers.items()}, runs=runs)
    yield from _figures(part, fast, paced)


def _join() -> str:
    from django.db import connection

    from tests.bench_bare import CREATE

    with connection.cursor() as cursor:
        cursor.execute(CREATE[connection.vendor])
    told = {"member_id": "m", "domain": "acme.bitrix24.ru", "client_endpoint": "https://acme.bitrix24.ru/rest/"}
    told |= {
        "oauth_url": "",
        "access_token": "a",
        "refresh_token": "r",
        "application_token": "t",
        "user_id": 1,
        "scope": "",
    }
    return world.join(told | {"uis": {"key": "k"}}).path


def _maker(path: str) -> Callable[[int], bytes]:
    """Notifications of which no two are equal."""
    numbers = count()
    return lambda _number: load.post(path, world.as_bytes(BODY | {"call_session_id": next(numbers)}))


def _fast(make: Callable[[int], bytes], seconds: float) -> Callable[[], load.Outcome]:
    return lambda: load.as_fast_as_possible(world.WEB_PORT, make, seconds=seconds)


def _paced(make: Callable[[int], bytes], seconds: float) -> Callable[[], load.Outcome]:
    return lambda: load.at_rate(world.WEB_PORT, make, rate=RATE, seconds=seconds)


def _figures(part: str, fast: dict[str, list[Any]], paced: dict[str, list[Any]]) -> Iterator[Figure]:
    rates = {name: tuple(one.rate for one in runs) for name, runs in fast.items()}
    yield Figure(
        f"accepted notifications, {part}", rates["ours"], "1/s", "bare view", rates["bare"], Goal("≥", 0.95, "ratio")
    )
    slowest = {name: tuple(percentile(one.seconds, 0.99) * 1000 for one in runs) for name, runs in paced.items()}
    yield Figure(f"p99 at {RATE} a second, {part}", slowest["ours"], "ms", "bare view", slowest["bare"], Goal("≤", 10))
    refused = tuple(float(one.refused) for one in (*fast["ours"], *paced["ours"]))
    yield Figure(f"refused, {part}", refused, "", goal=Goal("≤", 0))
