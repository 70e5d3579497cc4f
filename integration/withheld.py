"""What was withheld while a tab was switched off: handed over, or passed by, as the administrator chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from integration import lanes
from integration.models import Communication, Credential, SettingsTab, State

KINDS: Mapping[str, tuple[str, ...]] = {
    SettingsTab.Tab.TELEPHONY: ("call",),
    SettingsTab.Tab.CHATS: ("chat", "request"),
}
"""A tab → the kinds of communication that it switches."""

SKIPPED = gettext_noop("пропущено администратором: вкладка была выключена")
HANDED_OVER = gettext_noop("передаётся: вкладка снова включена")
BEHIND_THE_LIVE = timedelta(hours=1)


class StillOff(Exception):
    """The tab, or the integration as a whole, is switched off: nothing can be handed over."""


@dataclass(frozen=True)
class Withheld:
    """How many communications of a tab are withheld, and whether it works now, so that they may be handed over."""

    tab: str
    count: int
    is_active: bool


def withheld_of(credential: Credential) -> tuple[Withheld, ...]:
    """The tabs with anything withheld."""
    active = _active_tabs(credential)
    counted = (Withheld(tab, _rows(credential, tab).count(), tab in active) for tab in KINDS)
    return tuple(one for one in counted if one.count)


def hand_over(credential: Credential, tab: str) -> int:
    """Let all that is withheld in a tab be carried over, after what is happening now; how many there are.

    Raises StillOff, KeyError for a tab that withholds nothing.
    """
    if tab not in _active_tabs(credential):
        raise StillOff
    now = timezone.now()
    with transaction.atomic():
        count = _rows(credential, tab).update(
            state=State.RETRY, reason=HANDED_OVER, due_at=now, rank_at=now + BEHIND_THE_LIVE, attempts=0
        )
        if credential.portal is not None:
            lane = credential.portal.live_lane
            transaction.on_commit(lambda: lanes.ring(lane))
    return count


def skip(credential: Credential, tab: str) -> int:
    """Leave all that is withheld in a tab in the journal for good; how many there are.

    Nothing that is told of one afterwards carries it over; only the journal does. Raises KeyError.
    """
    rows = _rows(credential, tab)
    return rows.update(state=State.IGNORED, reason=SKIPPED, due_at=None, report_at=None, finished_at=timezone.now())


def is_kept(communication: Communication) -> bool:
    """Say whether this one is withheld, or was passed by: whatever is told of it, nobody decides about it unasked."""
    was_skipped = communication.state == State.IGNORED and communication.reason == SKIPPED
    return was_skipped or communication.state == State.WITHHELD


def _rows(credential: Credential, tab: str) -> QuerySet[Communication]:
    return Communication.objects.filter(
        portal=credential.portal_id, credential=credential, kind__in=KINDS[tab], state=State.WITHHELD
    )


def _active_tabs(credential: Credential) -> set[str]:
    active = set(credential.tabs.filter(is_active=True).values_list("tab", flat=True))
    return active - {SettingsTab.Tab.MAIN} if SettingsTab.Tab.MAIN in active else set()
