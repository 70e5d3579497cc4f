"""The crash test in small, in one process: the worker dies at chosen places, time is moved, the end is judged alike.

`make soak` plays ten times as many stories against real processes that are really killed.
"""

import itertools
import random
from datetime import timedelta

import pytest
from django.utils import timezone

from integration import lanes, reports
from integration.models import Lane
from tests import test_lane
from tests.conftest import Product
from tests.sandbox.stories import Story
from tests.soak_plan import KILL_WEIGHTS, Fault, Kill, Told, make_plan
from tests.soak_verdict import judge
from tests.test_lane import Killed, real_release, survive

SECONDS = 300.0
PLACES = 40
LOST = 0.05
ASKED_IN_THE_PORTAL = ("click", "callback_form")
"""They start calls by tasks of their own, whose every place of death `tests/test_clicks.py` tries."""


def test_the_plan_is_the_same_for_the_same_seed():
    first, again, other = (make_plan(seed, stories=300, seconds=60, kills=24, faults=80) for seed in (1, 1, 2))
    assert first == again != other
    assert {kill.what for kill in first.kills} == set(KILL_WEIGHTS)
    assert len(first.told) == 300
    assert len({told.phone for told in first.told}) <= 100


class Storm:
    """A plan played in one process. A kill makes the worker die at one of its next places."""

    def __init__(self, product: Product, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.product, self.dice = product, random.Random(seed)
        self.stories: list[Story] = []
        self.deaths = 0
        self._places, self._dies_at = itertools.count(), -1
        test_lane.TestKillPoints.patch(monkeypatch, self._at_place)
        monkeypatch.setattr(lanes, "release", self._release)

    def play(self, told: Told) -> None:
        """Tell a story in up to three parts, of which the worker sees each; some notifications are lost."""
        story = self.product.sandbox.tell(told.kind, client_phone=told.phone)
        self.stories.append(story)
        numbers = [number for number in range(len(story.steps)) if self.dice.random() > LOST]
        cuts = sorted(self.dice.choices(range(len(numbers) + 1), k=2))
        for begin, end in itertools.pairwise((0, *cuts, len(numbers))):
            story.post(numbers[begin:end] * told.repeats)
            self.work()

    def kill(self, _kill: Kill) -> None:
        self._dies_at = next(self._places) + self.dice.randint(1, PLACES)

    def spoil(self, fault: Fault) -> None:
        sandbox = self.product.sandbox
        faults = sandbox.uis.faults if fault.side == "uis" else sandbox.faults
        if fault.side == "lag":
            faults.crm_search_lag_seconds = fault.seconds
        elif fault.side == "tokens":
            sandbox.portal.expire_tokens()
        elif fault.side == "method":
            sandbox.portal.charge(fault.match or "", sandbox.portal.operating_limit)
        elif "timeout" not in fault.kind and fault.match != "oauth.token.answer":
            faults.fail_next(fault.times, fault.kind, match=fault.match)

    def work(self) -> None:
        try:
            self.product.pass_time(self.dice.choice((0, 1, 5)))
        except Killed:
            self.deaths += 1
            self.product.bells.clear()

    def come_to_rest(self) -> None:
        """End the faults, and read from the reports what was lost on the way."""
        self._dies_at = -1
        self.product.sandbox.faults.clear()
        self.product.sandbox.uis.faults.clear()
        survive(self.product)
        since = timezone.now() - timedelta(hours=3)
        reports.reconcile(self.product.credential, since=since, till=timezone.now(), wait=lambda _error: None)
        survive(self.product)

    def _at_place(self) -> None:
        if next(self._places) == self._dies_at:
            raise Killed

    def _release(self, taken: Lane) -> None:
        """Who is killed gives no lease back: it runs out."""
        if self._dies_at < 0 or next(self._places) <= self._dies_at:
            real_release(taken)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.fault(29)
@pytest.mark.fault(45)
def test_nothing_is_lost_or_doubled_in_a_storm(product: Product, monkeypatch: pytest.MonkeyPatch):
    plan = make_plan(5, stories=30, seconds=SECONDS, kills=12, faults=25)
    storm = Storm(product, monkeypatch, plan.seed)
    acts = {Told: storm.play, Kill: storm.kill, Fault: storm.spoil}
    for event in sorted((*plan.told, *plan.kills, *plan.faults), key=lambda event: event.at):
        if not (isinstance(event, Told) and event.kind in ASKED_IN_THE_PORTAL):
            acts[type(event)](event)
    storm.come_to_rest()
    verdict = judge(product.sandbox, storm.stories, ())
    assert storm.deaths > 3
    assert verdict.is_good, verdict
    assert not verdict.undelivered
