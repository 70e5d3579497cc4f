"""What the service costs and how fast it is, measured on this machine: `make bench`.

The whole service runs as in life – gunicorn, worker, tick, PostgreSQL with fsync – against the sandbox, whose portal
keeps the vendor's limits and takes 150 ms for every answer. Prints one table and writes it to var/bench.json.

    card      from the notification that a phone rings to the open card; clients who are new, one call a second
    requests  requests to the portal per call, counted
    burst     500 missed calls told at once: until the last one is finished in the portal
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.postgres import running_postgres
from tests.sandbox import Sandbox
from tests.sandbox.defaults import KNOWN_NO_DEAL_PHONE

ROOT = Path(__file__).resolve().parent.parent
LATENCY_SECONDS = 0.15
QUIET_CALLS, BURST_CALLS = 30, 500
WEB_PORT = 8700
PETR = 700101


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str
    goal: str


def main() -> int:
    """Measure everything, print the table, return the exit code."""
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with running_postgres(**durable) as database, Sandbox().serve() as sandbox, running_service(sandbox, database):
        sandbox.faults.latency_seconds = LATENCY_SECONDS
        figures = [*measure_quiet(sandbox), *measure_known(sandbox), *measure_burst(sandbox)]
    for figure in figures:
        print(f"{figure.name:<58} {figure.value:>8.2f} {figure.unit:<10} {figure.goal}")
    (ROOT / "var").mkdir(exist_ok=True)
    (ROOT / "var" / "bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=2))
    return 0


@contextmanager
def running_service(sandbox: Sandbox, database: str) -> Iterator[None]:
    """Web, worker and tick as processes, joined to the sandbox."""
    os.environ.update(
        DEBUG="1",
        LOG_LEVEL="ERROR",
        DATABASE_URL=database,
        OUTBOUND_ALLOWED_NETWORKS="127.0.0.0/8",
        PUBLIC_URL=f"http://127.0.0.1:{WEB_PORT}",
        BITRIX24_CLIENT_ID="local.sandbox",
        BITRIX24_CLIENT_SECRET="sandbox-secret",
        BITRIX24_OAUTH_URLS=f"{sandbox.url}/oauth",
        UIS_DATA_API_URL=f"{sandbox.url}/uis/data/v2.0",
        UIS_CALL_API_URL=f"{sandbox.url}/uis/call/v4.0",
        SANDBOX_URL=sandbox.url,
    )
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], check=True, cwd=ROOT)
    web = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{WEB_PORT}"]
    web += ["--worker-class", "gthread", "--threads", "8", "--log-level", "error", "--no-control-socket"]
    commands = (web, [*manage, "worker"], [*manage, "tick"])
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for command in commands]
    try:
        subprocess.run([sys.executable, "-m", "tests.connect_sandbox"], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def measure_quiet(sandbox: Sandbox) -> Iterator[Figure]:
    """One new client a second calls, is answered, hangs up."""
    delays, costs = [], []
    for number in range(QUIET_CALLS):
        began = time.monotonic()
        story = sandbox.tell("answered_call", client_phone=f"7910{number:07d}", employees=[PETR])
        events = [body["event"] for body in story.bodies]
        ring = events.index("call_proceeding")
        story.post(range(ring))
        told_at = time.time()
        story.post([ring])
        delays.append(wait_for_card(sandbox, since=told_at) - told_at)
        story.post(range(ring + 1, len(events)))
        wait_for(partial(finished, sandbox, story.id))
        wait_for(partial(has_record, sandbox, number + 1))
        costs.append(sandbox.portal.cost(story.id)["requests"])
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    yield Figure("card after the ring, p50", statistics.median(delays), "s", "three answers take 0.45 s")
    yield Figure("card after the ring, p95", statistics.quantiles(delays, n=20)[-1], "s", "≤ 1.5 s")
    yield Figure("requests per call of a new client, without record", statistics.median(costs) - 1, "requests", "≤ 5")


def measure_known(sandbox: Sandbox) -> Iterator[Figure]:
    """A client who is in the CRM calls."""
    costs = []
    for _ in range(5):
        story = sandbox.play("answered_call", client_phone=KNOWN_NO_DEAL_PHONE.lstrip("+"), employees=[PETR])
        wait_for(partial(finished, sandbox, story.id))
        time.sleep(2)
        costs.append(sandbox.portal.cost(story.id)["requests"])
    yield Figure("requests per call of a known client, without record", statistics.median(costs) - 1, "requests", "≤ 3")


def measure_burst(sandbox: Sandbox) -> Iterator[Figure]:
    """Five hundred calls of new clients at once."""
    time.sleep(25)  # the bucket runs empty
    asked = len(sandbox.portal.requests)
    stories = [
        sandbox.tell("missed_call", client_phone=f"7920{number:07d}", employees=[PETR]) for number in range(BURST_CALLS)
    ]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as posters:
        list(posters.map(lambda story: story.post(), stories))
    accepted = time.monotonic() - began
    wait_for(lambda: all(finished(sandbox, story.id) for story in stories), seconds=600)
    drained = time.monotonic() - began
    requests_sent = sandbox.portal.requests[asked:]
    notifications = sum(len(story.bodies) for story in stories)
    yield Figure("notifications accepted per second, in the burst", notifications / accepted, "1/s", "")
    yield Figure("requests per call in a burst of 500", len(requests_sent) / BURST_CALLS, "requests", "≤ 0.4")
    yield Figure("time to drain a burst of 500 calls", drained, "s", "2 requests/s, burst 50")
    refused = sum(request.status == 503 for request in requests_sent)
    yield Figure("requests refused by the portal", refused, "requests", "0")


def finished(sandbox: Sandbox, session_id: str) -> bool:
    rows = list(sandbox.portal.telephony.statistics.values())
    return any(row["EXTERNAL_CALL_ID"] == session_id for row in rows)


def has_record(sandbox: Sandbox, count: int) -> bool:
    return sandbox.portal.counts()["records"] >= count


def wait_for_card(sandbox: Sandbox, *, since: float) -> float:
    """The moment when a card opened after `since`."""
    opened: list[float] = []

    def look() -> bool:
        shown = [entry[0] for entry in list(sandbox.portal.telephony.card_log) if entry[1] == "show"]
        opened[:] = [at for at in shown if at >= since]
        return bool(opened)

    wait_for(look)
    return opened[0]


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Look every few milliseconds. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the service did not get there in time")
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
