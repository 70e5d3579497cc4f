"""A burst of 500 missed calls of new clients on one portal, told at once: until the last one is finished there.

The whole service runs as in life; the portal keeps the vendor's limits and takes 150 ms for an answer. Against it, one
task per event with single calls, `tests.bench_single`, on the same sandbox. That one is as slow as the portal's two
requests a second: it is measured on a few calls with a full bucket, and reckoned up to 500.
"""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

import requests

from tests import bench_world as world
from tests.bench_figures import Figure, Goal, alternate, percentile
from tests.bench_single import BUCKET, PER_SECOND, SingleCalls
from tests.sandbox import Sandbox

CALLS, FEW = 500, 6
RINGS, RING_EVERY = 4, 0.5


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Time to drain, cards behind the backlog, refusals; and the alternative's time."""
    del part
    calls, runs = (100, 2) if quick else (CALLS, 5)
    with world.postgres() as database, Sandbox().serve() as sandbox:
        world.prepare(database, sandbox_url=sandbox.url)
        world.start_django()
        told = sandbox.connection()
        joined = world.join(told)
        sandbox.faults.latency_seconds = world.LATENCY_SECONDS
        with world.running("web", "worker", "tick"):
            phones = count(79_200_000_000)
            single = sandbox.connection()
            sides = {
                "ours": partial(_ours, sandbox, joined, phones, calls),
                "single": partial(_single, sandbox, single, phones),
            }
            got = alternate(sides, runs=runs)
    yield from _figures(got, calls)


def _figures(got: dict[str, list[Any]], calls: int) -> Iterator[Figure]:
    took = tuple(one["took"] for one in got["ours"])
    reckoned = tuple((per_call * calls) - BUCKET / PER_SECOND for per_call in got["single"])
    note = f"single calls: {FEW} calls with a full bucket, {statistics.median(got['single']):.1f} s each"
    name = f"draining a burst of {calls} calls"
    yield Figure(name, took, "s", "single calls", reckoned, Goal("≤", 1 / 40, "ratio"), note)
    per_call = tuple(one["requests"] / calls for one in got["ours"])
    yield Figure(f"{name}: requests per call", per_call, "", goal=Goal("≤", 0.4))
    yield Figure(f"{name}: refused", tuple(float(one["refused"]) for one in got["ours"]), "", goal=Goal("≤", 0))
    cards = [delay for one in got["ours"] for delay in one["cards"]]
    three = (3 * world.LATENCY_SECONDS,)
    for share, goal in ((0.5, None), (0.95, Goal("≤", 3))):
        delay = (percentile(cards, share),)
        yield Figure(f"card behind a backlog of {calls}, p{share * 100:.0f}", delay, "s", "three answers", three, goal)


def _ours(sandbox: Sandbox, joined: world.Joined, phones: Iterator[int], calls: int) -> dict[str, Any]:
    """Tell of all calls at once, and of a ringing phone now and then while they are worked on."""
    world.empty_buckets(sandbox)
    stories = [
        sandbox.tell("missed_call", client_phone=str(next(phones)), employees=[world.PETR]) for _ in range(calls)
    ]
    before, began = sandbox.portal.request_number, time.monotonic()
    with ThreadPoolExecutor(8) as posters:
        list(posters.map(partial(_tell, joined.events_url), stories))
    cards = []
    for _ in range(RINGS):
        cards.append(ring(sandbox, joined, str(next(phones))))
        time.sleep(RING_EVERY)
    wanted = {story.id for story in stories}
    world.wait_for(lambda: wanted <= finished(sandbox), seconds=400, every=0.05)
    asked = [one for one in list(sandbox.portal.requests) if one.number > before]
    refused = sum(one.status == 503 for one in asked)
    return {"took": time.monotonic() - began, "requests": len(asked), "refused": refused, "cards": cards}


def _tell(url: str, story: Any) -> None:
    with requests.Session() as session:
        for body in story.bodies:
            session.post(url, data=world.as_bytes(body), timeout=60).raise_for_status()


def ring(sandbox: Sandbox, joined: world.Joined, phone: str) -> float:
    """Let a phone ring; the seconds until its card is shown in the portal."""
    story = sandbox.tell("answered_call", client_phone=phone, employees=[world.PETR])
    told = [body["event"] for body in story.bodies].index("call_proceeding")
    telephony = next(one for one in sandbox.portals.values() if one.member_id == joined.portal.member_id).telephony
    before = len(telephony.card_log)
    with requests.Session() as session:
        for body in story.bodies[: told + 1]:
            told_at = time.time()
            session.post(joined.events_url, data=world.as_bytes(body), timeout=60)
    shown: list[float] = []

    def look() -> bool:
        mine = {call.call_id for call in list(telephony.calls.values()) if _is_of(call, story.id)}
        shown[:] = [
            at for at, what, call_id, _user in telephony.card_log[before:] if what == "show" and call_id in mine
        ]
        return bool(shown)

    world.wait_for(look, seconds=120, every=0.02)
    return shown[0] - told_at


def _is_of(call: Any, story_id: str) -> bool:
    return str(call.external_id).startswith(story_id)


def finished(sandbox: Sandbox) -> set[str]:
    """The calls that are in the statistics of the portal."""
    return {row["EXTERNAL_CALL_ID"] for row in list(sandbox.portal.telephony.statistics.values())}


def _single(sandbox: Sandbox, told: dict[str, Any], phones: Iterator[int]) -> float:
    """Seconds per call once the bucket is full."""
    portal = sandbox.portal
    with sandbox.lock:
        portal.bucket, portal.bucket_at = BUCKET - 1, time.time()
    service = SingleCalls(told, level=BUCKET - 1)
    return service.carry_over([str(next(phones)) for _ in range(FEW)]) / FEW
