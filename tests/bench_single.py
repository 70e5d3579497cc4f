"""The alternative that everybody builds first: one task per event, each calling one method at a time.

As good as that can be: a session that stays open, as many workers as ours, its own count of the portal's bucket so
that it is never refused. For a missed call it does what the service does for one: looks for the client, creates the
lead with its fields, registers the call, shows and hides the card, finishes, tells the responsible.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

Method = tuple[str, dict[str, Any]]
BUCKET, PER_SECOND = 50.0, 2.0


class Bucket:
    """The portal's leaky bucket, counted here: who finds it full sleeps until there is room."""

    def __init__(self, level: float = 0.0) -> None:
        self.lock = threading.Lock()
        self.level, self.at = level, time.monotonic()

    def take(self) -> None:
        while True:
            with self.lock:
                now = time.monotonic()
                self.level = max(0.0, self.level - (now - self.at) * PER_SECOND)
                self.at = now
                if self.level + 1 < BUCKET:
                    self.level += 1
                    return
                missing = self.level + 1 - BUCKET
            time.sleep(missing / PER_SECOND + 0.01)


class SingleCalls:
    """A service of this kind, connected to one portal by what the sandbox told of it."""

    def __init__(self, told: dict[str, Any], *, workers: int = 4, level: float = 0.0) -> None:
        self.endpoint, self.token = told["client_endpoint"], told["access_token"]
        self.workers = workers
        self.bucket = Bucket(level)
        self.local = threading.local()
        self.asked = 0

    def carry_over(self, phones: Sequence[str], user_id: int = 12) -> float:
        """Missed calls of these clients, all told at once; the seconds until the last one is finished."""
        began = time.perf_counter()
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(lambda phone: self._missed_call(phone, user_id), phones))
        return time.perf_counter() - began

    def _missed_call(self, phone: str, user_id: int) -> None:
        ask: Callable[..., Any] = self._ask
        found = ask("crm.duplicate.findbycomm", type="PHONE", values=[f"+{phone}"])
        assert not found, found
        fields = {"title": f"Входящий звонок {phone}", "assignedById": user_id, "sourceId": "CALL"}
        fields["fm"] = [{"typeId": "PHONE", "valueType": "WORK", "value": f"+{phone}"}]
        lead = ask("crm.item.add", entityTypeId=1, fields=fields)["item"]["id"]
        call = ask(
            "telephony.externalCall.register",
            **{"USER_ID": user_id, "PHONE_NUMBER": f"+{phone}", "TYPE": 2, "CRM_CREATE": 0, "SHOW": 0},
            **{"CRM_ENTITY_TYPE": "LEAD", "CRM_ENTITY_ID": lead, "EXTERNAL_CALL_ID": f"single-{phone}"},
        )["CALL_ID"]
        card = {"CALL_ID": call, "USER_ID": [user_id]}
        ask("telephony.externalCall.show", **card)
        ask("telephony.externalCall.hide", **card)
        ask(
            "telephony.externalCall.finish",
            **{"CALL_ID": call, "USER_ID": user_id, "DURATION": 0, "STATUS_CODE": "304", "ADD_TO_CHAT": 0},
        )
        ask("im.notify.system.add", USER_ID=user_id, MESSAGE=f"Пропущенный звонок {phone}", TAG=f"call|{phone}")

    def _ask(self, method: str, **params: Any) -> Any:
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        while True:
            self.bucket.take()
            self.asked += 1
            reply = self.local.session.post(
                f"{self.endpoint}{method}.json", json={"auth": self.token, **params}, timeout=30
            ).json()
            if reply.get("error") != "QUERY_LIMIT_EXCEEDED":
                return reply["result"]
            time.sleep(1 / PER_SECOND)  # somebody else has taken its place in the bucket
