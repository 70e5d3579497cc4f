"""What a crash test does, decided beforehand from a seed: stories, kills and faults with their moments. Pure.

The same seed gives the same plan. How the processes interleave is the machine's business; that is the point of it.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

STORY_WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "answered_call": 6,
        "missed_call": 6,
        "transfer": 3,
        "group_call": 2,
        "voice_mail": 1,
        "outgoing_call": 2,
        "outgoing_unanswered": 1,
        "chat_finished": 4,
        "chat_moved": 1,
        "chat_reopened": 1,
        "lost_chat": 2,
        "offline_request": 4,
        "click": 4,
        "callback_form": 2,
    }
)
KILL_WEIGHTS: Mapping[str, int] = MappingProxyType(
    {"web": 3, "tick": 2, "worker": 2, "queue": 2, "queue process": 2, "database": 1}
)
"""`worker` is the watchdog of the queue, `queue` all processes below it, `queue process` one of those."""

PORTAL_FAULTS = ("503", "429", "html", "truncated", "wrong_type", "500", "cut", "drop_before", "drop_after")
UIS_FAULTS = ("internal_error", "limit_exceeded", "html", "drop_after")
AFTER_FAULTS = ("drop_after", "cut", "truncated")
RENEWAL_FAULTS = (("html", 1, "oauth.token"), ("503", 1, "oauth.token"), ("drop_after", 1, "oauth.token.answer"))
"""The last one loses the pair: the portal is on hold until somebody opens the application there."""
SLOW_FAULTS = ("timeout", "timeout_after")
"""They hold a request for its whole deadline, so they are few."""

METHODS = ("crm.item.add", "telephony.externalCall.register", "telephony.externalCall.finish")
CREATING = (*METHODS, "crm.activity")
SHARED_BY = 3
REPEATED = 0.05


@dataclass(frozen=True)
class Told:
    """A story: when it begins, in seconds, which one, of whom, and how often each of its notifications is sent."""

    at: float
    kind: str
    phone: str
    repeats: int = 1


@dataclass(frozen=True)
class Kill:
    """A process that is killed, or the database restarted as after a crash."""

    at: float
    what: str


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong outside. `side`: "portal" or "uis", "lag" (its searches), "tokens" (all expire),
    "method" (the work time of one is used up)."""

    at: float
    side: str
    kind: str = ""
    times: int = 1
    match: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class SoakPlan:
    """All of it, each part by time."""

    seed: int
    seconds: float
    told: tuple[Told, ...]
    kills: tuple[Kill, ...] = ()
    faults: tuple[Fault, ...] = ()
    phones: tuple[str, ...] = ()


def make_plan(seed: int, *, stories: int, seconds: float, kills: int, faults: int) -> SoakPlan:
    """Draw a plan. The last kill and the last fault come before the last tenth, so that something is told after."""
    dice = random.Random(seed)
    phones = tuple(f"7999{number:07d}" for number in dice.sample(range(10**6), max(1, stories // SHARED_BY)))
    kinds = dice.choices(list(STORY_WEIGHTS), list(STORY_WEIGHTS.values()), k=stories)
    begun = zip(_moments(dice, seconds, stories), kinds, strict=True)
    told = [Told(at, kind, dice.choice(phones), 1 + (dice.random() < REPEATED)) for at, kind in begun]
    drawn = zip(_moments(dice, seconds * 0.9, kills), _shares(dice, KILL_WEIGHTS, kills), strict=True)
    killed = [Kill(at, what) for at, what in drawn]
    spoilt = [_fault(dice, at) for at in _moments(dice, seconds * 0.9, faults)]
    return SoakPlan(seed, seconds, tuple(told), tuple(killed), tuple(spoilt), phones)


def _moments(dice: random.Random, seconds: float, n: int) -> list[float]:
    return sorted(dice.uniform(0, seconds) for _ in range(n))


def _shares(dice: random.Random, weights: Mapping[str, int], n: int) -> list[str]:
    """Each at least once where there are enough, then by weight; in any order."""
    names = dice.sample(list(weights), min(n, len(weights)))
    names += dice.choices(list(weights), list(weights.values()), k=n - len(names))
    dice.shuffle(names)
    return names


def _fault(dice: random.Random, at: float) -> Fault:
    faults = {
        "answers": (8, Fault(at, "portal", dice.choice(PORTAL_FAULTS), dice.randint(1, 3))),
        "creations": (6, Fault(at, "portal", dice.choice(AFTER_FAULTS), match=dice.choice(CREATING))),
        "slow answers": (1, Fault(at, "portal", dice.choice(SLOW_FAULTS))),
        "searches": (3, Fault(at, "lag", seconds=dice.uniform(1, 4))),
        "tokens": (3, Fault(at, "tokens")),
        "work time": (2, Fault(at, "method", match=dice.choice(METHODS))),
        "renewal": (2, Fault(at, "portal", *dice.choice(RENEWAL_FAULTS))),
        "UIS": (4, Fault(at, "uis", dice.choice(UIS_FAULTS), dice.randint(1, 2))),
    }
    weights, drawn = zip(*faults.values(), strict=True)
    return dice.choices(drawn, weights)[0]
