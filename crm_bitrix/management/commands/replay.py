"""Work on what came once more: `manage.py replay <credential> --from DATE [--to DATE] [--failed]`."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from crm_bitrix.management.commands.reconcile import read_period
from crm_bitrix.management.named import credential_named
from integration import audit, lanes
from integration.models import Communication, Credential, InboxEvent, State

BEHIND_THE_LIVE = timedelta(hours=1)
"""Calls that ring now are carried over first."""


class Command(BaseCommand):
    help = (
        "Read the stored notifications of a period once more and decide anew about its calls, chats and requests, by "
        "the present settings; print the counts as JSON. What is done in the portal already is not done again. The "
        "work itself is done by the worker. Exit code 0 put to work, 2 wrong usage or unknown credential."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        form = "a date, or a moment like 2026-11-22T09:00, in the time zone of the UIS account"
        parser.add_argument("credential", help="its public id or its exact name")
        parser.add_argument("--from", required=True, metavar="DATE", help=f"{form}; at most three months before --to")
        parser.add_argument("--to", metavar="DATE", help="the same; a date is included as a whole (now)")
        parser.add_argument("--failed", action="store_true", help="only what failed or could not be read")

    def handle(self, *args: Any, credential: str, failed: bool, to: str | None = None, **options: Any) -> None:
        chosen = credential_named(credential)
        since, till = read_period(chosen, options["from"], to)
        with transaction.atomic():
            counts = replay(chosen, period=(since, till), only_failed=failed)
            about = {"since": since.isoformat(), "till": till.isoformat(), **counts}
            audit.note(audit.Action.REPLAYED, by=audit.Actor.COMMAND, actor="replay", credential=chosen, **about)
        if chosen.portal is not None:
            lanes.ring(chosen.portal.live_lane)
        self.stdout.write(json.dumps(counts, indent=2))


def replay(credential: Credential, *, period: tuple[Any, Any], only_failed: bool) -> dict[str, int]:
    """Make the events of a period unread and its communications due; how many of each.

    Events of a communication that is not chosen stay as they are; with `only_failed` also those that were understood.
    """
    rows = Communication.objects.filter(credential=credential, started_at__range=period)
    events = InboxEvent.objects.filter(channel=credential.channel, received_at__range=period)
    events = events.filter(folded_at__isnull=False).exclude(body=b"", query="")
    if only_failed:
        rows = rows.filter(state=State.FAILED)
        events = events.exclude(error="")
    ids = list(rows.values_list("pk", flat=True))
    now = timezone.now()
    return {
        "events": events.update(folded_at=None, error=""),
        "communications": Communication.objects.filter(pk__in=ids).update(
            state=State.RETRY, due_at=now, attempts=0, rank_at=now + BEHIND_THE_LIVE
        ),
    }
