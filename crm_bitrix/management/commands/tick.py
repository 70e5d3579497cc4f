"""The clock of the lanes: `manage.py tick`."""

import logging
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable
from threading import Event
from typing import Any

from django import db
from django.core.management.base import BaseCommand

from crm_bitrix import daily, heartbeat, lane, synchronise

LONGEST_REST_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Ring the lanes that have due work, every second. May run on several machines at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between two looks (1)")
        parser.add_argument("--heartbeat", type=float, default=10.0, metavar="SECONDS", help="between heartbeats (10)")

    def handle(self, *args: Any, every: float, heartbeat: float, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        logger.info("tick: every %g s", every)
        run(one_tick(heartbeat_every=heartbeat), every=every, stop=stop)
        logger.info("tick: stopped")


def one_tick(*, heartbeat_every: float) -> Callable[[], None]:
    """Return what one tick does: ring the lanes, start due synchronisations, now and then ask for a heartbeat."""
    asked_at = float("-inf")

    def work() -> None:
        nonlocal asked_at
        lane.tick()
        synchronise.ring_due()
        if time.monotonic() - asked_at >= heartbeat_every:
            heartbeat.ask()
            daily.want()
            asked_at = time.monotonic()

    return work


def run(work: Callable[[], None], *, every: float, stop: Event) -> None:
    """Call `work` every so many seconds until `stop` is set. A database that is away is waited for, ever longer.

    Ticks missed by a slow one are not made up for.
    """
    failures = 0
    next_at = time.monotonic()
    while not stop.is_set():
        try:
            work()
            failures = 0
            next_at = max(next_at + every, time.monotonic())
        except db.Error as error:
            failures += 1
            rest = min(every * 2**failures, LONGEST_REST_SECONDS)
            logger.warning("tick: the database does not answer, next try in %g s: %s", rest, error)
            db.connections.close_all()
            next_at = time.monotonic() + rest
        stop.wait(max(0.0, next_at - time.monotonic()))
