"""What plans for calls hold besides changes in the portal."""

from collections.abc import Sequence

from crm_bitrix.actions import Plan
from integration.models import Communication
from telephony import dialling, records


def keep(planned: Sequence[tuple[Communication, Plan]]) -> None:
    """Write down the recordings to carry over and the calls to ask UIS for."""
    records.keep(planned)
    for communication, plan in planned:
        dialling.keep(communication, plan)
