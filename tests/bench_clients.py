"""Our client of the portal against the libraries one could use instead, on one sandbox in a process of its own.

Synchronising: all 10 000 users of a portal that keeps the vendor's limits and takes 150 ms for an answer. Ours reads
the other dictionaries as well.
One call: processor time of this process for one `server.time`, over TLS and a proxy that keeps connections, as before
every real portal. The same JSON is sent and read, all sides trust the same issuers and may keep their connection; the
first call of each is measured like the others. The bare side is a kept connection of `http.client`, and what a client
takes beyond that is its overhead. Ours also writes the journal of requests and counts the shared bucket: its transport
alone stands beside it. The issuers are those that come with `requests`, as in life; because reading these is most of
what a new connection takes, the overhead is told for a single issuer too.
"""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import requests

from tests import bench_front
from tests import bench_world as world
from tests.bench_figures import Figure, Goal, alternate

USERS, PAGE, BUCKET, PER_SECOND = 10_000, 50, 50, 2.0
CALLS = 200
NAME, OTHER = "one call through our client", "b24pysdk"


def measure(*, quick: bool, part: str) -> Iterator[Figure]:
    """Reading everybody, and the overhead of one call."""
    del part
    runs = 3 if quick else 5
    with world.postgres() as database, world.remote_sandbox() as sandbox, bench_front.running() as front:
        world.prepare(database, sandbox_url=sandbox.url)
        world.start_django()
        sandbox.do("users", n=USERS)
        told = sandbox.do("connection")
        portal = world.join(told).portal
        _adapt(told)
        yield from _reading(sandbox, portal, told, runs)
        sandbox.free_of_limits()
        portal.client_endpoint = portal.client_endpoint.replace(sandbox.url, front.url)
        told |= {"client_endpoint": portal.client_endpoint}
        _adapt(told)
        yield from _calling(portal, told, runs)
        yield _trusting_one(front, portal, told, runs)


def _reading(sandbox: world.Remote, portal: Any, told: dict[str, Any], runs: int) -> Iterator[Figure]:
    from crm_bitrix import dictionaries
    from crm_bitrix.client import Client
    from crm_bitrix.models import BitrixItem, RequestLog

    def ours() -> int:
        reading = dictionaries.read(Client(portal))
        assert not reading.problems, reading.problems
        return sum(len(part.entries) for part in reading.parts if part.kind == BitrixItem.Kind.USER)

    sides = {"ours": ours, "fast_bitrix24": lambda: _by_fast_bitrix24(told), "b24pysdk": lambda: _by_b24pysdk(told)}
    sandbox.do("faults", latency_seconds=world.LATENCY_SECONDS)
    asked = RequestLog.objects.count()
    took = alternate({name: _timed(sandbox, read) for name, read in sides.items()}, runs=runs)
    per_run = (RequestLog.objects.count() - asked) / runs
    _fill_bucket(sandbox, told)
    page_seconds = _one_by_one(told, pages=2 * runs)
    page_by_page = BUCKET * world.LATENCY_SECONDS + (USERS / PAGE - BUCKET) * page_seconds
    sandbox.do("faults", latency_seconds=0)
    fastest = min(("fast_bitrix24", "b24pysdk"), key=lambda name: sum(took[name]))
    ours_took = tuple(took["ours"])
    name = f"reading {USERS} users"
    yield Figure(name, ours_took, "s", fastest, tuple(took[fastest]), Goal("≤", 0.9, "ratio"))
    other = "b24pysdk" if fastest == "fast_bitrix24" else "fast_bitrix24"
    yield Figure(f"{name}, the slower library", ours_took, "s", other, tuple(took[other]))
    note = f"{2 * runs} pages of a full bucket were read, {page_seconds:.2f} s each; the rest is reckoned from that"
    bound = Goal("≤", 1 / 50, "ratio")
    yield Figure(f"{name}, page by page", ours_took, "s", "page by page", (page_by_page,) * runs, bound, note)
    yield Figure(f"{name}: requests", (per_run,), "", goal=Goal("≤", 5))


def _timed(sandbox: world.Remote, read: Callable[[], int]) -> Callable[[], float]:
    """A run that begins with an empty bucket and is an error when somebody is missing."""
    from integration.models import Lane

    def run() -> float:
        sandbox.do("limits", bucket=0)
        Lane.objects.update(bucket_level=0)
        began = time.perf_counter()
        found = read()
        took = time.perf_counter() - began
        if found < USERS:
            raise AssertionError(f"{found} users of {USERS} came")
        return took

    return run


def _by_fast_bitrix24(told: dict[str, Any]) -> int:
    from fast_bitrix24 import BitrixAsync

    logging.getLogger("fast_bitrix24").disabled = True

    async def token() -> str:
        return str(told["access_token"])

    async def read() -> int:
        bitrix = BitrixAsync(told["client_endpoint"], token_func=token, verbose=False)
        return len(await bitrix.get_all("user.get"))

    return asyncio.run(read())


def _sdk(told: dict[str, Any]) -> Any:
    from b24pysdk import BitrixApp, BitrixToken, Client

    app = BitrixApp(client_id=told["client_id"], client_secret=told["client_secret"])
    return Client(BitrixToken(domain=told["domain"], auth_token=told["access_token"], bitrix_app=app))


def _by_b24pysdk(told: dict[str, Any]) -> int:
    return len(_sdk(told).user.get().as_list().result)


def _adapt(told: dict[str, Any]) -> None:
    """Let both libraries get there: one knows https only, the other adds an order that `user.get` does not take."""
    from b24pysdk.api.callers.call_method import _MethodCaller
    from fast_bitrix24.user_request import GetAllUserRequest

    GetAllUserRequest.add_order_parameter = lambda _self: None
    _MethodCaller._base_url = property(lambda _self: told["client_endpoint"].rstrip("/"))


def _fill_bucket(sandbox: world.Remote, told: dict[str, Any]) -> None:
    sandbox.do("faults", latency_seconds=0)
    session, url = requests.Session(), f"{told['client_endpoint']}server.time.json"
    while session.post(url, json={"auth": told["access_token"]}, timeout=30).ok:
        pass
    sandbox.do("faults", latency_seconds=world.LATENCY_SECONDS)


def _one_by_one(told: dict[str, Any], *, pages: int) -> float:
    """Seconds per page once the bucket is full."""
    session, read = requests.Session(), 0
    began = time.perf_counter()
    while read < pages:
        body = {"auth": told["access_token"], "start": read * PAGE}
        if (
            session.post(f"{told['client_endpoint']}user.get.json", json=body, timeout=30).status_code
            == requests.codes.ok
        ):
            read += 1
        else:
            time.sleep(0.1)
    return (time.perf_counter() - began) / pages


def _calling(portal: Any, told: dict[str, Any], runs: int) -> Iterator[Figure]:
    ms = _milliseconds(portal, told, runs)
    yield _overhead(f"{NAME}: overhead, CPU", ms, Goal("≤", 0.4, "ratio"))
    yield Figure(f"{NAME}, CPU", ms["ours"], "ms", OTHER, ms[OTHER])
    yield Figure("one call through our transport alone, CPU", ms["transport"], "ms", OTHER, ms[OTHER])
    yield Figure("one call on a bare connection, CPU", ms["bare"], "ms", OTHER, ms[OTHER])


def _trusting_one(front: bench_front.Front, portal: Any, told: dict[str, Any], runs: int) -> Figure:
    from integration import remote

    bench_front.trust(front.certificate.issuer)
    remote._adapter.cache_clear()
    return _overhead(f"{NAME}: overhead with one issuer to trust, CPU", _milliseconds(portal, told, runs))


def _overhead(name: str, ms: dict[str, tuple[float, ...]], goal: Goal | None = None) -> Figure:
    ours, other = (tuple(a - b for a, b in zip(ms[side], ms["bare"], strict=True)) for side in ("ours", OTHER))
    return Figure(name, ours, "ms", OTHER, other, goal)


def _milliseconds(portal: Any, told: dict[str, Any], runs: int) -> dict[str, tuple[float, ...]]:
    from crm_bitrix.actions import Command
    from crm_bitrix.client import Client
    from integration import remote

    client, sdk, bare = Client(portal, level=1e9), _sdk(told), _bare(told)
    url, body = f"{told['client_endpoint']}server.time.json", {"auth": told["access_token"]}
    sides = {
        "ours": lambda: client.call(Command("server.time")),
        "transport": lambda: remote.read_json(remote.request("POST", url, json=body)),
        OTHER: lambda: sdk.get_token().call_method("server.time"),
        "bare": lambda: bare(url, body),
    }
    took = alternate({name: _cpu_of(call) for name, call in sides.items()}, runs=runs)
    return {name: tuple(one * 1000 for one in values) for name, values in took.items()}


def _bare(told: dict[str, Any]) -> Callable[[str, dict[str, Any]], Any]:
    trusted = ssl.create_default_context(cafile=requests.adapters.DEFAULT_CA_BUNDLE_PATH)
    kept = HTTPSConnection(urlsplit(told["client_endpoint"]).netloc, context=trusted, timeout=30)

    def post(url: str, body: dict[str, Any]) -> Any:
        kept.request("POST", urlsplit(url).path, json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(kept.getresponse().read())

    return post


def _cpu_of(call: Callable[[], object]) -> Callable[[], float]:
    """CPU time of this process for one call: waiting for the portal costs nothing."""

    def run() -> float:
        began = time.process_time()
        for _ in range(CALLS):
            call()
        return (time.process_time() - began) / CALLS

    return run
