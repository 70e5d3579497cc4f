"""Forget a client: `manage.py forget_phone <phone> [--portal DOMAIN] [--check]`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration import audit, persons
from integration.models import Portal
from integration.rules.phones import mask_phone, normalise_phone

WRONG_USAGE = 2


class Command(BaseCommand):
    help = (
        "Take everything that was told of the client with this number out of the journal, on all portals or on one, "
        "and print the counts of each portal as JSON. What is in the CRM is not touched. Exit code 0 done, also when "
        "nothing was there; 1 a portal is being worked on (it is unchanged, try again); 2 wrong usage, no phone number "
        "or no such portal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("phone", help="with the country, like +79001112233; without it a Russian number")
        parser.add_argument("--portal", metavar="DOMAIN", help="only on the portal with this address")
        parser.add_argument("--check", action="store_true", help="only count, change nothing")

    def handle(self, *args: Any, phone: str, check: bool, portal: str | None = None, **options: Any) -> None:
        number = normalise_phone(phone, "RU")
        if not number:
            raise CommandError("that is no phone number", returncode=WRONG_USAGE)
        portals = Portal.objects.filter(domain=portal) if portal else Portal.objects.order_by("pk")
        if portal and not portals:
            raise CommandError(f"no portal has the address {portal}", returncode=WRONG_USAGE)
        counts: dict[str, dict[str, int]] = {}
        try:
            for one in portals:
                counts[one.domain] = forget(one, number, is_tried=check)
        except persons.LaneTaken as error:
            self.stdout.write(json.dumps(counts, indent=2))
            raise CommandError(f"{error}; that portal is unchanged, try again") from error
        self.stdout.write(json.dumps(counts, indent=2))


def forget(portal: Portal, number: str, *, is_tried: bool) -> dict[str, int]:
    """Forget on one portal, and write down that it was asked for."""
    counts = persons.forget_phone(portal, number, is_tried=is_tried)
    if not is_tried and any(counts.values()):
        about = f"{portal} · {mask_phone(number)}"
        by = {"by": audit.Actor.COMMAND, "actor": "forget_phone", "portal": portal, "about": about}
        audit.note(audit.Action.FORGOTTEN, **by, **counts)
    return counts
