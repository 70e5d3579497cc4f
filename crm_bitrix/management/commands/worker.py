"""The queue under a watchdog: `manage.py worker`.

A queue worker that is killed while idle (by the kernel, for memory) can take the lock of the queue with it; the whole
cluster then stands still for good and looks alive (django-q2, issue 23). So the cluster runs as a child, and each
start of a task reaches us as one byte through a pipe. When none has come for a minute although tasks were waiting all
that time, the child's whole process group is killed and a new one started. Nothing is lost by that: a task may run
for a minute at most, so a cluster that has begun none for a minute has none left worth waiting for, and what was
queued is still in the database.

An empty queue or a database that does not answer proves nothing. `tick` sees to it that the queue is not empty for
long: it asks for a heartbeat every ten seconds.
"""

import logging
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from threading import Event
from typing import Any

from django import db
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django_q.brokers import get_broker
from django_q.signals import pre_execute

LONGEST_REST_SECONDS = 30.0
GOODBYE_SECONDS = 65.0  # a task may take 60

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the queue (qcluster) and start it again when it hangs or ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--stale", type=float, default=60.0, metavar="SECONDS", help="silence that means it hangs (60)"
        )
        parser.add_argument("--look", type=float, default=2.0, metavar="SECONDS", help="between two looks (2)")
        parser.add_argument("--signs-fd", type=int, help="used by the command itself: be the cluster, report here")

    def handle(self, *args: Any, stale: float, look: float, signs_fd: int | None, **options: Any) -> None:
        if signs_fd is not None:
            run_cluster(signs_fd)
        else:
            stop = Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            watch(stale=stale, look=look, stop=stop)


class Cluster:
    """A running qcluster with all its processes in one group, and the pipe on which it gives signs of life."""

    def __init__(self) -> None:
        self.signs, signs_in = os.pipe()
        os.set_blocking(self.signs, False)
        os.set_blocking(signs_in, False)
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--signs-fd", str(signs_in)]
        # Our end of its stdin is the lifeline: when we are killed it closes, and the cluster ends itself.
        self.process = subprocess.Popen(  # noqa: S603 (nothing in it comes from outside)
            command, stdin=subprocess.PIPE, pass_fds=[signs_in], start_new_session=True
        )
        os.close(signs_in)

    def has_given_sign(self) -> bool:
        """Say whether a task has begun since the last time we asked."""
        try:
            return bool(os.read(self.signs, 65536))
        except BlockingIOError:
            return False

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def say_goodbye(self) -> None:
        """Let running tasks end, then end whatever is left."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GOODBYE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End every process of the group, now; the sentinel's orphans too."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        os.close(self.signs)


def watch(*, stale: float, look: float, stop: Event) -> None:
    """Keep a cluster running until `stop` is set. One that hangs is replaced at once, one that ends after a rest."""
    failures = 0
    while not stop.is_set():
        cluster = Cluster()
        logger.info("worker: queue started, process group %s", cluster.process.pid)
        started_at = time.monotonic()
        why = _wait(cluster, stale=stale, look=look, stop=stop)
        if stop.is_set():
            cluster.say_goodbye()
        else:
            cluster.kill()
            failures = 0 if time.monotonic() - started_at > stale else failures + 1
            rest = 0.0 if failures <= 1 else min(2.0**failures, LONGEST_REST_SECONDS)
            logger.critical("worker: %s; starting the queue again in %g s", why, rest)
            stop.wait(rest)
    logger.info("worker: stopped")


def _wait(cluster: Cluster, *, stale: float, look: float, stop: Event) -> str:
    """Return when we are told to stop, or when this cluster has to be replaced; then say why."""
    quiet_since = time.monotonic()
    while not stop.wait(look):
        if cluster.has_ended():
            return f"the queue ended with code {cluster.process.returncode}"
        if cluster.has_given_sign() or not _has_tasks():
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since >= stale:
            return f"no task has begun for {stale:g} s although tasks are waiting: the queue hangs"
    return "told to stop"


def _has_tasks() -> bool:
    try:
        broker = get_broker()
        return bool(broker.queue_size() or broker.lock_size())
    except db.Error as error:
        logger.warning("worker: the database does not answer: %s", error)
        db.connections.close_all()
        return False


def run_cluster(signs_fd: int) -> None:
    """Be the cluster: report each task that begins, and end in good order when the watchdog has gone."""

    def report(**_: Any) -> None:
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(signs_fd, b".")

    pre_execute.connect(report, weak=False)
    call_command("qcluster")  # returns as soon as the cluster runs
    while multiprocessing.active_children():
        watchdog_has_gone, _, _ = select.select([sys.stdin], [], [], 0.5)
        if watchdog_has_gone:
            end_group_after(GOODBYE_SECONDS)
            signal.raise_signal(signal.SIGTERM)


def end_group_after(seconds: float) -> None:
    """End our whole process group by then, whatever it waits for: a cluster that hangs does not end when it is asked
    to, and nobody is left to kill it."""
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(os.getpgrp(), signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
