"""Delete what is kept for too long, or all clients of a portal: `manage.py purge_personal_data [--portal DOMAIN]`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration import audit, persons, retention
from integration.models import Portal

WRONG_USAGE = 2
NO_LIMIT = float("inf")


class Command(BaseCommand):
    help = (
        "Delete what is older than it may be kept, as it is done every night; with --portal forget all clients of that "
        "portal, whatever their age: what was told of them goes, settings stay. Prints the counts as JSON. Exit code "
        "0 done, 1 the portal is being worked on (nothing is changed, try again), 2 wrong usage or no such portal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--portal", metavar="DOMAIN", help="the portal whose clients are to be forgotten")

    def handle(self, *args: Any, portal: str | None = None, **options: Any) -> None:
        counts = self._forget(portal) if portal else retention.purge(NO_LIMIT)
        self.stdout.write(json.dumps(counts, indent=2))

    def _forget(self, domain: str) -> dict[str, int]:
        found = Portal.objects.filter(domain=domain).first()
        if found is None:
            raise CommandError(f"no portal has the address {domain}", returncode=WRONG_USAGE)
        try:
            counts = persons.forget_everybody(found)
        except persons.LaneTaken as error:
            raise CommandError(f"{error}; nothing is changed, try again") from error
        by = {"by": audit.Actor.COMMAND, "actor": "purge_personal_data", "portal": found}
        audit.note(audit.Action.PURGED, **by, **counts)
        return counts
