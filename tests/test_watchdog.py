"""The clock outlives the database's absences, and the watchdog brings a hanging queue back to life."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django import db
from django.utils import timezone
from django_q.models import OrmQ

from crm_bitrix import heartbeat
from crm_bitrix.management.commands import tick
from integration.models import Lane

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 30
READY = r"(?:ready for work at|готов к работе на) (\d+)"  # the queue's own words
BEATEN = r"(?:Processed|Обработано) .*heartbeat\.beat"
ASK_AGAIN_AND_AGAIN = """
import time, django; django.setup()
from crm_bitrix import heartbeat
while True:
    heartbeat.ask(); time.sleep(0.2)
"""


class Away:
    """Work that meets a database which is away for the first calls, and stops the clock after some more."""

    def __init__(self, *, failures: int, calls: int) -> None:
        self.failures, self.calls, self.done, self.stop = failures, calls, 0, threading.Event()

    def __call__(self) -> None:
        self.done += 1
        if self.done >= self.calls:
            self.stop.set()
        if self.done <= self.failures:
            raise db.OperationalError("the server closed the connection")


def test_clock_goes_on_when_the_database_comes_back(caplog):
    work = Away(failures=2, calls=4)
    tick.run(work, every=0.01, stop=work.stop)
    assert work.done == 4
    assert [record.levelname for record in caplog.records if "database does not answer" in record.message] == [
        "WARNING",
        "WARNING",
    ]


def test_clock_does_not_hide_a_fault_of_our_own():
    def work():
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        tick.run(work, every=0.01, stop=threading.Event())


@pytest.mark.django_db
def test_a_stopped_queue_does_not_fill_up_with_heartbeats():
    heartbeat.ask()
    heartbeat.ask()
    assert OrmQ.objects.count() == 1


@pytest.mark.django_db
def test_a_heartbeat_is_asked_for_while_other_tasks_are_only_running():
    heartbeat.ask()
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=120))  # taken by a worker
    heartbeat.ask()
    assert OrmQ.objects.count() == 2


@pytest.mark.django_db
def test_tick_and_queue_leave_their_signs_of_life():
    heartbeat.ask()
    heartbeat.beat()
    assert set(Lane.objects.filter(rung_at__isnull=False).values_list("name", flat=True)) == {"tick", "heartbeat"}


# From here on with real processes, on a database of their own.


class Running:
    """A process whose output is collected."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.output = ""
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        for line in self.process.stdout:
            self.output += line

    def wait_for(self, pattern: str, *, times: int = 1, seconds: float = PATIENCE_SECONDS) -> list[str]:
        """Wait until the output has this so many times and return what the pattern's group caught."""
        until(lambda: len(re.findall(pattern, self.output)) >= times, f"{times} × {pattern!r}", seconds=seconds)
        return re.findall(pattern, self.output)


def until(is_true: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def has_processes(group: int) -> bool:
    """Say whether a process of this group still runs; one that is dead and only waits to be buried does not."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, its_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state != "Z":
                return True
    return False


def make_database(place: Path) -> str:
    """An empty database beside the tests' own, of the same kind; it goes with the server or the directory."""
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not url.scheme.startswith("postgres"):
        return f"sqlite:///{place}/db.sqlite3"
    name = f"watchdog_{uuid4().hex}"
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url._replace(path=f"/{name}").geturl()


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    environment = os.environ | {
        "DEBUG": "1",
        "DATABASE_URL": make_database(tmp_path_factory.mktemp("watchdog")),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "Q_WORKERS": "1",  # then it is the idle worker that holds the queue's lock
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, cwd=ROOT, env=environment)
    return environment


@pytest.fixture
def worker(environment) -> Iterator[Running]:
    """A worker that is busy with heartbeats."""
    asking = Running([sys.executable, "-c", ASK_AGAIN_AND_AGAIN], environment)
    worker = Running([sys.executable, "manage.py", "worker", "--stale", "4", "--look", "0.1"], environment)
    try:
        worker.wait_for(BEATEN)
        yield worker
    finally:
        for running in (asking, worker):
            running.process.kill()
            running.process.wait()
        for group in re.findall(r"process group (\d+)", worker.output):
            with suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)


def kill_workers_until_the_queue_hangs(worker: Running) -> None:
    """Kill the one worker. One that happens to be busy holds no lock and is replaced by the queue itself: once more."""
    for _ in range(10):
        ready, beaten = worker.wait_for(READY), worker.wait_for(BEATEN)
        os.kill(int(ready[-1]), signal.SIGKILL)
        worker.wait_for(READY, times=len(ready) + 1)
        with suppress(AssertionError):
            worker.wait_for(BEATEN, times=len(beaten) + 2, seconds=1.5)
            continue
        return


def test_a_queue_that_hangs_after_its_idle_worker_was_killed_is_started_again(worker):
    [first_group] = worker.wait_for(r"process group (\d+)")
    kill_workers_until_the_queue_hangs(worker)
    worker.wait_for("the queue hangs; starting the queue again")
    already = len(worker.wait_for(BEATEN))
    worker.wait_for(BEATEN, times=already + 2)
    until(lambda: not has_processes(int(first_group)), "the end of the first queue")


def test_a_frozen_queue_is_started_again(worker):
    [group] = worker.wait_for(r"process group (\d+)")
    os.killpg(int(group), signal.SIGSTOP)
    worker.wait_for("the queue hangs; starting the queue again")
    worker.wait_for(r"process group (\d+)", times=2)


def test_a_queue_that_ended_is_started_again_without_its_orphans(worker):
    [group] = worker.wait_for(r"process group (\d+)")
    os.kill(int(group), signal.SIGKILL)
    worker.wait_for("the queue ended with code -9")
    worker.wait_for(r"process group (\d+)", times=2)
    until(lambda: not has_processes(int(group)), "the end of the first queue")


def test_sigterm_ends_the_worker_and_every_process_of_its_queue(worker):
    [group] = worker.wait_for(r"process group (\d+)")
    worker.process.terminate()
    assert worker.process.wait(PATIENCE_SECONDS) == 0
    worker.wait_for("worker: stopped")
    assert not has_processes(int(group))
    assert re.search("has stopped|остановлен", worker.output)  # in good order, not killed


def test_the_queue_ends_itself_when_its_watchdog_is_killed(worker):
    [group] = worker.wait_for(r"process group (\d+)")
    worker.process.kill()
    until(lambda: not has_processes(int(group)), "the end of the queue")


HANG = """
import os, threading
from crm_bitrix.management.commands.worker import end_group_after
child = os.fork()
if child:
    end_group_after(0.3)
    os.waitpid(child, 0)
else:
    threading.Event().wait()
"""


def test_a_queue_that_hangs_while_its_watchdog_is_gone_ends_itself():
    command = [sys.executable, "-c", f"import django; django.setup(){HANG}"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.PIPE)
    process.communicate(timeout=PATIENCE_SECONDS)  # its end comes when the child has let go of it too
    assert process.returncode == -signal.SIGKILL
