"""Try on a live portal what was proved only against the sandbox: `manage.py verify_portal <portal domain>`."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_bitrix import live_account, live_checks, live_writes
from crm_bitrix.client import Client
from crm_bitrix.live_checks import Finding, Probe, Verdict
from crm_bitrix.management.named import portal_named
from integration import lanes
from integration.models import Portal

Line = tuple[str, str, str, Finding]

PATIENCE_SECONDS = 10.0
"""A person waits for the answer, and a portal at work leaves little room."""


class Command(BaseCommand):
    help = (
        "Run those checks of docs/verified.md that a program may run on a live portal and its UIS accounts, and print "
        "what came of each and what it means. Reads only, unless --write is given. Exit code 0 nothing differs, "
        "1 something does, 2 no such portal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("portal", help="address of a portal on which the application is installed")
        parser.add_argument(
            "--write",
            action="store_true",
            help="also the checks that make a contact (and delete it) and register a call (and never finish it)",
        )
        parser.add_argument("--phone", default="", help="phone of a contact of the portal, for the check of the search")

    def handle(self, *args: Any, portal: str, write: bool, phone: str, **options: Any) -> None:
        found = portal_named(portal)
        lines = []
        for line in self._lines(found, phone=phone, write=write):
            lines.append(line)
            self._print(line)
        if not write:
            left = ", ".join(check.item for check in live_writes.CHECKS)
            self.stdout.write(f"Not run without --write: {left}.")
        differing = [item for item, *_, finding in lines if finding.verdict is Verdict.DIFFERS]
        if differing:
            raise CommandError(f"Not as the service takes it to be: {', '.join(differing)}.")

    def _lines(self, portal: Portal, *, phone: str, write: bool) -> Iterator[Line]:
        probe = Probe(portal, Client(portal, level=lanes.BULK_LEVEL, patience_seconds=PATIENCE_SECONDS), phone)
        for check in (*live_checks.CHECKS, *(live_writes.CHECKS if write else ())):
            yield check.item, check.title, check.meaning, live_checks.run(check, probe)
        for credential in portal.credentials.exclude(uis_key="").order_by("pk"):
            for one in live_account.CHECKS:
                yield one.item, f"{one.title}, {credential.name}", one.meaning, live_checks.run(one, credential)

    def _print(self, line: Line) -> None:
        item, title, meaning, finding = line
        self.stdout.write(f"{item:<4} {finding.verdict:<8} {title}: {finding.text}")
        if finding.verdict is Verdict.DIFFERS:
            self.stdout.write(f"{'':<13} means: {meaning}")
