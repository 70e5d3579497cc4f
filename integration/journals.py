"""What is kept for how long: one table. `integration.retention` deletes by it, `integration.checks` watches the floors.

Source of the periods: 152-ФЗ (nothing longer than its purpose), and the market's rule to keep the log of requests for
three days at least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Q

WITHHELD_DAYS = 30
"""For so long a communication that was withheld can be carried over still."""


@dataclass(frozen=True)
class Journal:
    """Rows that are kept for `days`, or as many as `RETENTION_DAYS` says, but no fewer than `floor`.

    `stored` is the column that says when; `over` which of the old rows may go: what is still to be worked on stays.
    """

    model: str
    stored: str
    days: int
    floor: int
    over: Q = field(default_factory=Q)


JOURNALS: Mapping[str, Journal] = {
    # A chat waits for its contacts for seven days; until then its notifications can be read again.
    "events": Journal("integration.InboxEvent", "received_at", 14, 8, Q(folded_at__isnull=False)),
    "requests": Journal("crm_bitrix.RequestLog", "at", 7, 3),
    "journal": Journal(
        "integration.Communication", "started_at", 90, WITHHELD_DAYS, Q(due_at__isnull=True, report_at__isnull=True)
    ),
    "clients": Journal("integration.ClientLink", "at", 365, 90),
    "questions": Journal("telephony.RoutingQuestion", "asked_at", 7, 1),
    "synchronisations": Journal("crm_bitrix.SyncRun", "started_at", 90, 7, ~Q(state="running")),
    "alerts": Journal("integration.Alert", "since", 90, 7, Q(resolved_at__isnull=False)),
    "repetitions": Journal("settings_ui.Resend", "at", 30, 1),
    "reveals": Journal("settings_ui.Reveal", "at", 365, 90),
    "audit": Journal("integration.AuditEntry", "at", 365, 90),
}
"""Name in `RETENTION_DAYS` → what it is. The bottom of the house names the tables of the upper floors."""
