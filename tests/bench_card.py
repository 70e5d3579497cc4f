"""From the notification that a phone rings to the open card in the portal; clients who are new.

One portal, one call a second; and a hundred portals at once with sixteen workers, at rates that grow. All processes,
the sandbox and the load share this machine, so the last figures are the machine's. Every portal takes 150 ms for an
answer; three answers in sequence are the least.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from tests import bench_world as world
from tests.bench_burst import ring
from tests.bench_figures import Figure, Goal, percentile
from tests.sandbox import Sandbox

PORTALS, WORKERS = 100, 16
LEAST = (3 * world.LATENCY_SECONDS,)


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Delays of the card, quiet and with many portals."""
    del part
    runs, calls = (2, 6) if quick else (5, 20)
    with world.postgres() as database, Sandbox().serve() as sandbox:
        world.prepare(database, sandbox_url=sandbox.url, workers=WORKERS)
        world.start_django()
        joined = world.join(sandbox.connection())
        others = [_another(sandbox, number) for number in range(5 if quick else PORTALS)]
        sandbox.faults.latency_seconds = world.LATENCY_SECONDS
        with world.running("web", "worker", "tick"):
            phones = count(79_100_000_000)
            quiet = [_one_a_second(sandbox, joined, phones, calls) for _ in range(runs)]
            many = {
                rate: _at_rate(sandbox, others, phones, rate=rate, seconds=5 if quick else 15) for rate in (2, 5, 10)
            }
    yield from _delays("card, one call a second", quiet, Goal("≤", 0.9))
    for rate, delays in many.items():
        goal = Goal("≤", 1.5) if rate == max(many) else None
        yield from _delays(f"card, {rate} calls a second on {len(others)} portals", [delays], goal)


def _delays(name: str, runs: list[list[float]], goal: Goal | None) -> Iterator[Figure]:
    yield Figure(f"{name}, p50", tuple(percentile(one, 0.5) for one in runs), "s", "three answers", LEAST)
    yield Figure(f"{name}, p95", tuple(percentile(one, 0.95) for one in runs), "s", "three answers", LEAST, goal)


def _another(sandbox: Sandbox, number: int) -> world.Joined:
    sandbox.add_portal(f"portal-{number}")
    return world.join(sandbox.connection(f"portal-{number}"))


def _one_a_second(sandbox: Sandbox, joined: world.Joined, phones: Iterator[int], calls: int) -> list[float]:
    delays = []
    for _ in range(calls):
        began = time.monotonic()
        delays.append(ring(sandbox, joined, str(next(phones))))
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    return delays


def _at_rate(
    sandbox: Sandbox, portals: list[world.Joined], phones: Iterator[int], *, rate: float, seconds: float
) -> list[float]:
    """Phones ring at this rate, on one portal after another."""
    began = time.monotonic()

    def one(number: int) -> float:
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        return ring(sandbox, portals[number % len(portals)], str(next(phones)))

    with ThreadPoolExecutor(64) as callers:
        return list(callers.map(one, range(int(rate * seconds))))
