"""Fetch what was missed: `manage.py reconcile <credential> --from DATE [--to DATE]`."""

import json
import time
from argparse import ArgumentParser
from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm_bitrix.management.named import WRONG_USAGE, credential_named
from integration import completeness, reports, retention
from integration.models import Credential
from integration.report_rows import Taken
from integration.uis_errors import UisError

LONGEST = timedelta(days=92)
LONGEST_WAIT = timedelta(minutes=2)


class Command(BaseCommand):
    help = (
        "Read the calls, chats and requests of a period from the reports of UIS, take in what is missing, return when "
        "all of it is stored and print the counts as JSON. What was missing is carried over like everything else, "
        "without pop-ups. Exit code 0 done, 1 UIS refused (what was stored stays), 2 wrong usage or unknown credential."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        form = "a date, or a moment like 2026-11-22T09:00, in the time zone of the UIS account"
        parser.add_argument("credential", help="its public id or its exact name")
        parser.add_argument("--from", required=True, metavar="DATE", help=f"{form}; at most three months before --to")
        parser.add_argument("--to", metavar="DATE", help="the same; a date is included as a whole (now)")

    def handle(self, *args: Any, credential: str, to: str | None = None, **options: Any) -> None:
        chosen = credential_named(credential)
        since, till = read_period(chosen, options["from"], to)
        try:
            taken = reports.reconcile(chosen, since=since, till=till, wait=self.wait)
        except UisError as error:
            raise CommandError(str(error.instruction)) from error
        self.stdout.write(json.dumps(summary(chosen, since, till, taken), ensure_ascii=False, indent=2))

    def wait(self, error: UisError) -> None:
        """Wait until points are back. Raises the error when that would take too long."""
        rest = (error.retry_at or timezone.now()) - timezone.now()
        if rest > LONGEST_WAIT:
            raise error
        self.stderr.write(str(error.instruction))
        time.sleep(max(rest.total_seconds(), 1))


def read_period(credential: Credential, since: str, till: str | None) -> tuple[datetime, datetime]:
    """The period that was asked for, no longer than to now. Raises CommandError with exit status 2."""
    now = timezone.now()
    begin = _read(credential, since, is_end=False)
    end = min(_read(credential, till, is_end=True), now) if till else now
    if begin >= end:
        raise CommandError("--from lies after --to, or in the future", returncode=WRONG_USAGE)
    if end - begin > LONGEST:
        raise CommandError(
            f"the period is longer than {LONGEST.days} days, which is all that UIS tells", returncode=WRONG_USAGE
        )
    kept = retention.days_of("journal")
    if begin < now - timedelta(days=kept):
        raise CommandError(
            f"--from lies more than {kept} days back: so long the journal knows what was carried over already",
            returncode=WRONG_USAGE,
        )
    return begin, end


def _read(credential: Credential, text: str, *, is_end: bool) -> datetime:
    try:
        if len(text) <= len("2026-11-22"):
            return completeness.day_bounds(credential, date.fromisoformat(text))[is_end]
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f'"{text}" is neither a date like 2026-11-22 nor a moment like 2026-11-22T09:00', returncode=WRONG_USAGE
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=credential.zone)


def summary(credential: Credential, since: datetime, till: datetime, taken: dict[str, Taken | None]) -> dict[str, Any]:
    """What the command prints. A kind is null when the account has no such report."""
    counts = {
        kind: {"in_uis": one.read, "missing": one.missing, "new_rows": one.new} if one else None
        for kind, one in taken.items()
    }
    return {
        "credential": str(credential.uuid),
        "from": since.astimezone(credential.zone).isoformat(),
        "to": till.astimezone(credential.zone).isoformat(),
        **counts,
        "missing": sum(one.missing for one in taken.values() if one),
    }
