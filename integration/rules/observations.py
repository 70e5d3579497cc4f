"""How notifications become the facts of a communication.

Each notification is an observation: some facts, how much they are to be trusted, and when they were seen. Merging is
a join: in whatever order, however often observations come, the facts end up the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

Json = Any


class Rank(IntEnum):
    """Whose word counts more when two observations tell the same fact."""

    START = 1
    LEG = 2
    TALK = 3
    END = 4
    REPORT = 5


@dataclass(frozen=True)
class Observation:
    """What one notification tells about one communication.

    `facts` maps a name to a JSON value; facts that gather, such as legs, have a name of their own each
    (`ring:<leg>`). `client_keys` are those of the client (`phone:+7…`). `at` is the moment it speaks of, aware.
    """

    kind: str
    uis_id: str
    rank: Rank
    at: datetime
    facts: Mapping[str, Json] = field(default_factory=dict)
    external_id: str = ""
    direction: str = ""
    client_phone: str = ""
    client_keys: tuple[str, ...] = ()


def join(
    facts: Mapping[str, Json], ranks: Mapping[str, Json], other: Mapping[str, Json], other_ranks: Mapping[str, Json]
) -> tuple[dict[str, Json], dict[str, Json]]:
    """The facts and ranks of two communications that turn out to be one, as if all had been observed of the first.

    Facts without a rank, which decisions have settled, stay with the communication they were settled for.
    """
    joined, joined_ranks = dict(facts), dict(ranks)
    for name, rank in other_ranks.items():
        known = (list(joined_ranks.get(name, [])), repr(joined.get(name)))
        if name not in joined or (list(rank), repr(other[name])) > known:
            joined[name], joined_ranks[name] = other[name], rank
    return joined, joined_ranks


def merge(
    facts: Mapping[str, Json], ranks: Mapping[str, Json], observed: Observation
) -> tuple[dict[str, Json], dict[str, Json]]:
    """The facts and their ranks (`name → [rank, moment]`) with an observation taken in.

    The higher rank wins, then the later moment, then – so that the order of arrival never matters – the greater
    value. An absent value (None, "", empty list) never replaces one.
    """
    told = {name: value for name, value in observed.facts.items() if value not in (None, "", [], {})}
    rank = [int(observed.rank), observed.at.isoformat()]
    return join(facts, ranks, told, dict.fromkeys(told, rank))
