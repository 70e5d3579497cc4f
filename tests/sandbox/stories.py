"""Stories: what UIS tells about a call, a chat or a request, and what its reports will say.

A story is written in full before it is played: steps `(seconds from the beginning, body)`, and report rows.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import clock
from .crm import normal_phone
from .story_calls import CallPlan
from .story_chats import CHATS, ChatPlan
from .story_scripts import CALLS

if TYPE_CHECKING:
    from .world import Sandbox

KINDS = (*CALLS, *CHATS)
SERIES = {
    "same_second": ("chat_finished", "offline_request", "answered_call"),
    "chats_at_once": ("chat_finished",) * 200,
}
"""Several stories that begin in the same moment: of one client, or of many."""
REAL_PACE = {"ring": 3.0, "talk": 4.0, "wait": 0.5}
"""Seconds of a demonstration; by default a call rings 13 s and lasts 130 s, in the past."""


@dataclass
class Story:
    """One played (or prepared) story.

    `id` is the call session, chat or request id as text; `bodies` the notifications in their usual order;
    `steps` pairs each with its moment (Unix time). `statuses` are the product's answers so far.
    """

    kind: str
    id: str
    phone: str
    steps: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    call_session_id: int | None = None
    chat_id: int | None = None
    offline_message_id: int | None = None
    external_id: str | None = None
    played_at: float = 0.0
    is_over: bool = False
    post_one: Callable[[dict[str, Any]], int] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "post_one": None}

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The notifications, in their usual order."""
        return [body for _, body in self.steps]

    def body(self, event: str, number: int = 0) -> dict[str, Any]:
        """The n-th notification of an event (own shape)."""
        return [body for body in self.bodies if body.get("event") == event][number]

    def post(self, order: Iterable[int] | None = None) -> list[int]:
        """Send the notifications now, in the given order of indexes (which may repeat or leave out); their statuses."""
        assert self.post_one is not None
        numbers = range(len(self.steps)) if order is None else order
        statuses = [self.post_one(self.bodies[number]) for number in numbers]
        self.statuses += statuses
        return statuses


def tell(sandbox: "Sandbox", kind: str, **wishes: Any) -> Story:
    """Prepare a story and put its rows into the reports; nothing is sent yet.

    `wishes`: client_phone, employees (ids), virtual_number, talk_seconds, ring_seconds, start_at, default_bodies,
    route, external_id and call_session_id (of a dial), name, email, text, realtime, uis_key (of the account; absent =
    the first). Raises ValueError.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown story {kind!r}; one of {', '.join(KINDS)}")
    if wishes.pop("realtime", False):
        pace = REAL_PACE
        wishes = {"ring_seconds": pace["ring"], "talk_seconds": pace["talk"], "start_at": clock.now()} | wishes
    uis = sandbox.account(wishes.pop("uis_key", None))
    plan = CallPlan(uis, **wishes) if kind in CALLS else ChatPlan(uis, **wishes)
    with sandbox.lock:
        (CALLS if kind in CALLS else CHATS)[kind](plan)
        if plan.start_at is None:
            plan.start_at = clock.now() - plan.length
        steps = plan.finish(uis)
        story = Story(kind, str(plan.number), plan.phone, steps, **{plan.id_name: plan.number})
        story.external_id = getattr(plan, "external_id", None)
        story.played_at, story.post_one = clock.now(), uis.notify
        sandbox.stories.append(story)
        sandbox.story_ids[story.id] = story.id
        if story.phone:
            sandbox.story_ids[normal_phone(story.phone)] = story.id
        if story.external_id:
            sandbox.story_ids[story.external_id] = story.id
        sandbox.touch()
    return story


def play(sandbox: "Sandbox", story: Story, *, realtime: bool) -> Story:
    """Send the notifications: at once, or each at its moment from a thread of its own."""
    if not realtime:
        story.post()
        story.is_over = True
        sandbox.touch()
        return story

    def run() -> None:
        for number, (at, _) in enumerate(story.steps):
            time.sleep(max(0.0, at - clock.now()))
            story.post([number])
            sandbox.touch()
        story.is_over = True
        sandbox.touch()

    threading.Thread(target=run, daemon=True).start()
    return story


def play_series(sandbox: "Sandbox", kind: str, *, realtime: bool, **wishes: Any) -> Story:
    """Play all stories of a series, and return the first; see `SERIES`."""
    if kind == "same_second":
        with sandbox.lock:
            wishes.setdefault("client_phone", f"7900{sandbox.uis.next_id('phone', 5550001):07d}")
    else:
        wishes.pop("client_phone", None)
    told = [tell(sandbox, one, realtime=realtime, **wishes) for one in SERIES[kind]]
    for story in told:
        play(sandbox, story, realtime=realtime)
    return told[0]
