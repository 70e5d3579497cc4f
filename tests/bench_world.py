"""The service and the world around it, as the benchmark runs them.

database     a PostgreSQL that writes to the disk before it answers, or an SQLite file
processes    web, worker and tick, as in life
sandbox      in this process, or – where our own time is measured – in another one
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import time_machine

from tests.postgres import running_postgres
from tests.sandbox import Sandbox
from tests.suite import ENVIRONMENT

ROOT = Path(__file__).resolve().parent.parent
WEB_PORT, SANDBOX_PORT = 8700, 8790
LATENCY_SECONDS = 0.15
PETR = 700101
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def postgres() -> Iterator[str]:
    with running_postgres(**DURABLE) as url:
        yield url


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "var") as place:
        yield f"sqlite:///{place}/db.sqlite3"


def prepare(database: str, *, sandbox_url: str = "http://127.0.0.1:1", workers: int = 4) -> None:
    """Set the environment of this process and of those it starts, and migrate."""
    os.environ.update(
        ENVIRONMENT,
        LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="tests.bench_settings",
        DATABASE_URL=database,
        Q_WORKERS=str(2 if database.startswith("sqlite") else workers),
        OUTBOUND_ALLOWED_NETWORKS="127.0.0.0/8",
        PUBLIC_URL=f"http://127.0.0.1:{WEB_PORT}",
        BITRIX24_CLIENT_ID="local.sandbox",
        BITRIX24_CLIENT_SECRET="sandbox-secret",
        BITRIX24_OAUTH_URLS=f"{sandbox_url}/oauth",
        UIS_DATA_API_URL=f"{sandbox_url}/uis/data/v2.0",
        UIS_CALL_API_URL=f"{sandbox_url}/uis/call/v4.0",
        SANDBOX_URL=sandbox_url,
    )
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, cwd=ROOT)


def start_django() -> None:
    """Let this process use the service's own code."""
    import django

    django.setup()


COMMANDS = {
    "web": [
        *(sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{WEB_PORT}"),
        *("--worker-class", "gthread", "--threads", "8", "--log-level", "error", "--no-control-socket"),
    ],
    "worker": [sys.executable, "manage.py", "worker"],
    "tick": [sys.executable, "manage.py", "tick"],
}


@contextmanager
def running(*names: str) -> Iterator[dict[str, int]]:
    """Processes of the service by name; their process ids."""
    started = {name: subprocess.Popen(COMMANDS[name], cwd=ROOT, stdout=subprocess.DEVNULL) for name in names}
    try:
        if "web" in started:
            wait_for(_web_answers)
        yield {name: process.pid for name, process in started.items()}
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.wait()


def _web_answers() -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{WEB_PORT}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


class Remote:
    """A sandbox in a process of its own, told what to do over its `/control/`."""

    url = f"http://127.0.0.1:{SANDBOX_PORT}"

    def do(self, command: str, **body: Any) -> Any:
        return requests.post(f"{self.url}/control/{command}", json=body, timeout=60).json()

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/control/connection", timeout=1).ok
        except requests.RequestException:
            return False

    def free_of_limits(self) -> None:
        self.do("limits", leak_per_second=1e9, bucket_size=1e9, operating_limit=1e9, minute_limit=10**9)
        self.do("limits", day_limit=10**9)


@contextmanager
def remote_sandbox() -> Iterator[Remote]:
    command = [sys.executable, "-m", "tests.sandbox", "--port", str(SANDBOX_PORT)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    remote = Remote()
    try:
        wait_for(remote.answers)
        yield remote
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Joined:
    """A portal and a UIS account that the service knows, and where UIS sends notifications."""

    portal: Any
    credential: Any
    path: str

    @property
    def events_url(self) -> str:
        return f"http://127.0.0.1:{WEB_PORT}{self.path}"


def join(told: dict[str, Any], *, name: str = "Основной портал", **fields: Any) -> Joined:
    """Connect a portal of the sandbox by `told`, what the sandbox says of it, with the smallest settings that work."""
    from integration.models import Credential
    from tests.conftest import configure, connect_portal

    portal = connect_portal(told)
    credential = Credential.objects.create(portal=portal, name=name, uis_key=told["uis"]["key"], **fields)
    secret = credential.set_new_secret()
    credential.save()
    configure(credential)
    return Joined(portal, credential, f"/uis/{credential.uuid}/{secret}/events/")


@contextmanager
def product(database: str) -> Iterator[Any]:
    """The service in this process beside a sandbox, as the tests have it: time passes only when it is told to."""
    with Sandbox().serve() as sandbox:
        prepare(database, sandbox_url=sandbox.url)
        start_django()
        from crm_bitrix import lane
        from tests.conftest import START, Product

        lane.LOOK_SECONDS = 0  # a second of the real time, of which little passes here
        with time_machine.travel(START, tick=False) as clock:
            bells, joined = without_bells(), join(sandbox.connection())
            ready = Product(sandbox, clock, bells, joined.portal, joined.credential, joined.path.split("/")[3])
            sandbox.uis.events_url = ready.notify
            yield ready


def without_bells() -> list[str]:
    """Let no queue be rung in this process: the caller drains by himself. The names that would have been rung."""
    from integration import lanes, ringer

    rung: list[str] = []
    lanes.async_task = lambda _task, name, **_options: rung.append(name)
    ringer.leave = lambda credential: ringer.ring({credential})
    return rung


def empty_buckets(sandbox: Sandbox) -> None:
    """As after a quiet minute, on both sides."""
    from integration.models import Lane

    for portal in sandbox.portals.values():
        portal.bucket = 0.0
    Lane.objects.update(bucket_level=0.0)


def wait_for(condition: Callable[[], bool], *, seconds: float = 60, every: float = 0.005) -> None:
    """Look every few milliseconds. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the service did not get there in time")
        time.sleep(every)


def memory_mb(pid: int) -> float:
    """What a process and its children hold, shared pages counted once per process (proportional set size)."""
    total = 0
    for one in (pid, *_children(pid)):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from _children(int(child))


def postgres_seconds() -> float:
    """What PostgreSQL's process for our connection has taken of the processor."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(Path(f"/proc/{cursor.fetchone()[0]}/schedstat").read_text().split()[0]) / 1e9


def forget_peak() -> None:
    """Let the highest memory of this process begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The highest resident memory of this process since then."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def as_bytes(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
