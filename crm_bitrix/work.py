"""A communication in a round of its lane."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_bitrix.actions import Done, DoneActions, Json, Plan
from crm_bitrix.models import CrmAction
from integration.inbox import KINDS
from integration.models import Communication

URGENT_MINUTES = 10


@dataclass
class Work:
    """One communication in a round: the moment it was due at, its actions, what was decided."""

    communication: Communication
    due_at: datetime | None
    actions: list[CrmAction] = field(default_factory=list)
    plan: Plan | None = None

    @property
    def done(self) -> DoneActions:
        """What the portal has carried out, by key."""
        return {
            action.key: Done(action.key, action.params, action.result)
            for action in self.actions
            if action.state == CrmAction.State.DONE
        }

    @property
    def results(self) -> dict[str, Mapping[str, Json]]:
        """What the portal answered to those, by key."""
        return {action.key: action.result for action in self.actions if action.state == CrmAction.State.DONE}

    @property
    def ready(self) -> list[CrmAction]:
        """Planned actions with everything they need done; their methods may rest."""
        results = self.results
        return [action for action in self.in_state(CrmAction.State.PLANNED) if results.keys() >= set(action.needs)]

    def in_state(self, state: str) -> list[CrmAction]:
        return [action for action in self.actions if action.state == state]

    @property
    def is_urgent(self) -> bool:
        return is_urgent(self.communication)


def is_urgent(communication: Communication) -> bool:
    """Say whether somebody's phone rings."""
    return bool(KINDS[communication.kind].urgency(communication.facts) >= URGENT_MINUTES)
