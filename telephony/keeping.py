"""What a plan for a call holds besides changes in the portal."""

from crm_bitrix.actions import Plan
from integration.models import Communication
from telephony import dialling, records


def keep(communication: Communication, plan: Plan) -> None:
    """Write down the recordings to carry over and the call to ask UIS for."""
    records.keep(communication, plan)
    dialling.keep(communication, plan)
