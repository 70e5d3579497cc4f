"""The ringer: has the lanes rung of what was just taken in, beside the requests, by one thread of each process.

    leave   a request leaves here the credential whose event it has stored, and answers
    ring    looks once which lanes of the credentials sleep, and rings those

A look in the request itself cost a fifth of what the service accepts. One look serves all that was left meanwhile:
after a quiet time the first is rung at once, in a stream looks are `REST_SECONDS` apart. It comes after the commit of
every event it serves, so that no drain takes its last look between the two. What is left here when the process or the
database dies, the tick rings.
"""

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from uuid import UUID

from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from integration import lanes
from integration.models import Credential

REST_SECONDS = 0.02
_ASLEEP = (
    "SELECT DISTINCT l.name FROM integration_credential c JOIN integration_portal p ON p.id = c.portal_id "  # noqa: S608 - made of constants
    f"JOIN integration_lane l ON l.name = 'b24:' || p.id || ':live' WHERE {lanes.ASLEEP} "
    "AND p.hold_reason = '' AND p.uninstalled_at IS NULL AND c.uuid IN "
)
_UUID = Credential._meta.get_field("uuid")
logger = logging.getLogger(__name__)


def ring(credentials: set[UUID]) -> None:
    """Ring the lanes of these credentials' portals that sleep: one look for all of them."""
    uuids = [_UUID.get_db_prep_value(uuid, connection) for uuid in credentials]
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(uuids))
        cursor.execute(f"{_ASLEEP}({places})", [*lanes.asleep_at(timezone.now()), *uuids])
        asleep = [name for (name,) in cursor.fetchall()]
    for name in asleep:
        lanes.ring(name)


class Ringer:
    """A thread that rings for all that requests leave. It begins with the first of them, so that a server may fork
    before; it ends with its process, and whatever ends it earlier, the next one left begins it anew."""

    def __init__(self, ring: Callable[[set[UUID]], None], *, rest_seconds: float) -> None:
        self._ring = ring
        self._rest_seconds = rest_seconds
        self._left: SimpleQueue[UUID] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    def leave(self, credential: UUID) -> None:
        """Have the lane of this credential rung soon. Call it after the commit of what the lane shall read."""
        self._left.put(credential)
        if not self._is_working():
            with self._beginning:
                if not self._is_working():
                    self._thread = threading.Thread(target=self._work, name="ringer", daemon=True)
                    self._thread.start()

    def _is_working(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        while True:
            left = self._all_that_is_left()
            close_old_connections()
            try:
                self._ring(left)
            except DatabaseError:
                logger.warning("bells of %d credentials are left to the tick", len(left), exc_info=True)
            time.sleep(self._rest_seconds)

    def _all_that_is_left(self) -> set[UUID]:
        left = {self._left.get()}
        try:
            while True:
                left.add(self._left.get_nowait())
        except Empty:
            return left


leave = Ringer(ring, rest_seconds=REST_SECONDS).leave
