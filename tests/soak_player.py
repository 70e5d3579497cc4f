"""Tells the stories of a plan as UIS and the portal would, and lets everything go wrong that the plan says.

UIS does not document whether it repeats a notification that was not taken; here it does so a few times and then gives
up, so that some are lost for good and only the reports of UIS still know of them. A portal never repeats an event: who
clicked in vain clicks again, and that is another click.
"""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import requests

from tests.sandbox import Sandbox
from tests.sandbox.stories import Story
from tests.soak_plan import Fault, SoakPlan, Told

TRIES, AGAIN_SECONDS = 3, 2.0
POSTERS = 8
STEP_SECONDS = 0.05
USER = 12


class Player:
    """Plays a plan against a sandbox. `asked` are the calls asked for in the portal, by what the portal was told of."""

    def __init__(self, sandbox: Sandbox, plan: SoakPlan, kill: Callable[[str], None]) -> None:
        self.sandbox, self.plan, self.kill = sandbox, plan, kill
        self.stories: list[Story] = []
        self.accepted_clicks: list[str] = []
        self.counts: Counter[str] = Counter()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._posters = ThreadPoolExecutor(POSTERS)

    def play(self) -> None:
        """Play everything; returns when the last notification is delivered or given up."""
        began = time.time()
        for told in self.plan.told:
            self._at(began + told.at, partial(self._tell, told))
        for kill in self.plan.kills:
            self._at(began + kill.at, partial(self.kill, kill.what))
        for fault in self.plan.faults:
            self._at(began + fault.at, partial(self._spoil, fault))
        until = began + self.plan.seconds
        running: list[Any] = []
        while self._due or time.time() < until or any(not one.done() for one in running):
            running = [one for one in running if not one.done() or one.result()]
            running += [self._posters.submit(act) for act in self._ready()]
            self._play_dials()
            time.sleep(STEP_SECONDS)
        self._posters.shutdown()
        for faults in (self.sandbox.faults, self.sandbox.uis.faults):
            faults.rules.clear()
            faults.crm_search_lag_seconds = 0.0

    def play_late_dials(self) -> None:
        """Tell of the calls that UIS was asked for after everything else was told."""
        for story in self._new_dials():
            story.post()

    def _at(self, at: float, act: Callable[[], None]) -> None:
        with self._lock:
            heapq.heappush(self._due, (at, next(self._order), act))

    def _ready(self) -> list[Callable[[], None]]:
        ready = []
        with self._lock:
            while self._due and self._due[0][0] <= time.time():
                ready.append(heapq.heappop(self._due)[2])
        return ready

    # --- what is told

    def _tell(self, told: Told) -> None:
        if told.kind == "click":
            self._click(told)
        elif told.kind == "callback_form":
            self._callback(told)
        else:
            self._schedule(self.sandbox.tell(told.kind, realtime=True, client_phone=told.phone), told.repeats)

    def _callback(self, told: Told) -> None:
        before = len(self.sandbox.portal.events_sent)
        self.sandbox.callback_form(phone=f"+{told.phone}", line="74950000010")
        sent = [one for one in self.sandbox.portal.events_sent[before:] if f"+{told.phone}" in one["form"].values()]
        taken = any(one["status"] == requests.codes.ok for one in sent)
        self.counts["callback forms taken" if taken else "callback forms the portal could not deliver"] += 1

    def _click(self, told: Told) -> None:
        call_id = self.sandbox.click_to_call(phone=f"+{told.phone}", user_id=USER, line="74950000010")
        event = next(one for one in reversed(self.sandbox.portal.events_sent) if call_id in one["form"].values())
        if event["status"] == requests.codes.ok:
            self.accepted_clicks.append(call_id)
        else:
            self.counts["clicks the portal could not deliver"] += 1

    def _schedule(self, story: Story, repeats: int = 1) -> None:
        self.stories.append(story)
        for number, (at, _body) in enumerate(story.steps):
            for _ in range(repeats):
                self._at(at, partial(self._deliver, story, number, TRIES))

    def _deliver(self, story: Story, number: int, tries: int) -> None:
        self.counts["notifications"] += 1
        if story.post([number]) == [200]:
            return
        if tries > 1:
            self.counts["notifications repeated"] += 1
            self._at(time.time() + AGAIN_SECONDS, partial(self._deliver, story, number, tries - 1))
        else:
            self.counts["notifications lost on the way"] += 1

    def _play_dials(self) -> None:
        for story in self._new_dials():
            self._schedule(story)

    def _new_dials(self) -> list[Story]:
        waiting = [number for number, dial in list(self.sandbox.uis.dials.items()) if not dial.get("played")]
        return [self.sandbox.tell("click_to_call", realtime=True, call_session_id=number) for number in waiting]

    # --- what goes wrong

    def _spoil(self, fault: Fault) -> None:
        faults = self.sandbox.uis.faults if fault.side == "uis" else self.sandbox.faults
        if fault.side == "lag":
            faults.crm_search_lag_seconds = fault.seconds
            self.counts["fault: search lags"] += 1
        elif fault.side == "tokens":
            with self.sandbox.lock:
                self.sandbox.portal.expire_tokens()
            self.counts["fault: tokens expire"] += 1
        elif fault.side == "method":
            with self.sandbox.lock:
                self.sandbox.portal.charge(fault.match or "", self.sandbox.portal.operating_limit)
            self.counts["fault: work time used up"] += 1
        else:
            with self.sandbox.lock:
                faults.fail_next(fault.times, fault.kind, match=fault.match)
