"""What the end of a call changes in CRM objects. Pure."""

from collections.abc import Generator, Mapping
from typing import Any

from crm_bitrix.actions import Answer, Question
from crm_bitrix.clients import Client
from crm_bitrix.corrections import Changes, Ending, correction_actions, find_changes
from integration.rules.facts import Facts
from telephony.case import Case

__all__ = ["correction_actions", "corrections"]


def corrections(
    case: Case, client: Client, known: Facts, *, title: str, responsible_id: int
) -> Generator[Question, Answer, tuple[Changes, tuple[Mapping[str, Any], ...]]]:
    """The changes of the end, and warnings of the mapping. Decided once: `case.settled` keeps them."""
    if "changes" in case.settled:
        return case.settled["changes"], ()
    ending = Ending(case.done, case.ruleset, case.rules, known)
    return (yield from find_changes(ending, client, title=title, responsible_id=responsible_id))
