"""Whether somebody else writes the same calls into the portal: an old integration that was left switched on.

Source: https://apidocs.bitrix24.com/api-reference/telephony/voximplant/statistics/voximplant-statistic-get.html
"""

from datetime import timedelta

from crm_bitrix.actions import Command
from crm_bitrix.client import Client
from integration import lanes
from integration.models import Communication, Portal
from integration.rules.phones import phone_digits

AROUND = timedelta(minutes=2)
LAST_DIGITS = 10


def count_doubles(portal: Portal, call: Communication) -> int:
    """How many records of this call the portal's statistics have that are not ours. Raises PortalError.

    The call must have begun at UIS: one that the portal asked for is registered by the portal itself, under no origin.
    """
    between = {
        ">=CALL_START_DATE": (call.started_at - AROUND).isoformat(),
        "<=CALL_START_DATE": (call.started_at + AROUND).isoformat(),
    }
    rows = Client(portal, level=lanes.BULK_LEVEL).call(Command("voximplant.statistic.get", {"FILTER": between}))
    number = phone_digits(call.client_phone)[-LAST_DIGITS:]
    return sum(
        phone_digits(str(row.get("PHONE_NUMBER") or "")).endswith(number) and not _is_ours(row, call)
        for row in rows
        if isinstance(row, dict)
    )


def _is_ours(row: dict[str, object], call: Communication) -> bool:
    origin = str(row.get("EXTERNAL_CALL_ID") or "").partition(":")[0]
    return origin == call.uis_id
