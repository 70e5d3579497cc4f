"""What goes out in one request: actions of many communications, or a communication's with those that follow them.

An action waits for those whose results it needs: it goes out a request later, together with everybody's who has got as
far. Only when a request serves one communication – a phone rings, nothing else is to be done – an action follows the
one that it waits for in the same request: the portal fills in what it refers to. Such a request halts at the first
refusal, so that nothing is ever carried out with a reference unfilled; and who follows is repeatable, so that after a
lost answer it is sent again, whatever became of the first.
Why, and what was weighed: docs/decisions/0013-a-card-follows-its-lead.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from crm_bitrix.actions import METHODS, Command, Json, Retry, fill_params
from crm_bitrix.batch import Reference, is_safe
from crm_bitrix.client import About, resting
from crm_bitrix.models import CrmAction
from crm_bitrix.work import Work

Results = Mapping[str, Mapping[str, Json]]


@dataclass
class Wave:
    """The commands of one request by name, their actions, and the communications that they serve by number."""

    works: dict[int, Work] = field(default_factory=dict)
    actions: dict[str, CrmAction] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    halts: bool = False

    def add(self, work: Work, action: CrmAction, command: Command) -> None:
        name = name_of(action)
        self.works[work.communication.pk] = work
        self.actions[name], self.commands[name] = action, command

    @property
    def is_urgent(self) -> bool:
        return any(work.is_urgent for work in self.works.values())

    @property
    def about(self) -> About:
        served = [work.communication for work in self.works.values()]
        return About(tuple(self.works), tuple(dict.fromkeys(one.first_event for one in served)))


def name_of(action: CrmAction) -> str:
    """The name of its command, as references spell it."""
    return f"a{action.pk}"


def next_wave(works: Sequence[Work], *, limit: int) -> Wave:
    """The next request for these communications, the most urgent first; without commands when nothing is left to send.

    A command with a client's text that looks like a reference goes alone.
    """
    wave = Wave()
    for work, action, command in _ready(works):
        if len(wave.commands) >= limit:
            return wave
        if not is_safe(command):
            if not wave.commands:
                wave.add(work, action, command)
            return wave
        wave.add(work, action, command)
    if len(wave.works) == 1:
        [work] = wave.works.values()
        _follow(wave, work, limit=limit)
    return wave


def _ready(works: Sequence[Work]) -> Iterator[tuple[Work, CrmAction, Command]]:
    """Actions that may be sent now."""
    for work in sorted(works, key=lambda work: work.communication.rank_at):
        results = work.results
        for action in _awake(work, work.ready):
            yield work, action, Command(action.method, fill_params(action.params, results))


def _awake(work: Work, actions: Sequence[CrmAction]) -> list[CrmAction]:
    """Those whose methods do not rest."""
    return [action for action in actions if not resting(work.communication.portal, action.method)]


def _follow(wave: Wave, work: Work, *, limit: int) -> None:
    """Add the actions that wait only for those of this wave, each after what it waits for."""
    results = {**work.results}
    for action in _awake(work, work.in_state(CrmAction.State.PLANNED)):
        name = name_of(action)
        if name not in wave.commands and len(wave.commands) < limit:
            command = _following(action, results)
            if command is None:
                continue
            wave.add(work, action, command)
            wave.halts = True
        if name in wave.commands:
            paths = METHODS[action.method].paths
            results[action.key] = {part: Reference.to(name, path) for part, path in paths.items()}


def _following(action: CrmAction, results: Results) -> Command | None:
    """The command of an action with references to those before it; None when it has to wait for their answer."""
    if METHODS[action.method].retry != Retry.REPEAT or not results.keys() >= set(action.needs):
        return None
    try:
        command = Command(action.method, fill_params(action.params, results))
    except KeyError:
        return None  # it refers to what an answer need not hold
    return command if is_safe(command) else None
