"""Signs of life of the two background processes, for the watchdog and the health page.

`tick` asks for a heartbeat every ten seconds and the queue runs it. Each writes the moment into a row of its own:
`Lane` "tick" and `Lane` "heartbeat", column `rung_at`.
"""

from django.utils import timezone
from django_q.brokers import get_broker
from django_q.tasks import async_task

from integration.models import Lane

TICK, HEARTBEAT = "tick", "heartbeat"


def ask() -> None:
    """Note that the tick lives, and ask the queue for a heartbeat.

    Not while a task waits to be taken: that one proves as much, and a stopped queue does not fill up with heartbeats.
    """
    _note(TICK)
    if not get_broker().queue_size():
        async_task("crm_bitrix.heartbeat.beat")


def beat() -> None:
    """Note that the queue runs its tasks; itself a task."""
    _note(HEARTBEAT)


def _note(name: str) -> None:
    Lane.objects.update_or_create(name=name, defaults={"rung_at": timezone.now()})
