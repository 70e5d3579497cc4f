"""Synchronise a portal now: `manage.py sync_portal <portal domain>`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_bitrix import synchronise
from crm_bitrix.management.named import portal_named
from crm_bitrix.models import SyncRun


class Command(BaseCommand):
    help = (
        "Read the dictionaries of a portal and of its UIS accounts, match employees, register lines; return when that "
        "has ended and print the counts as JSON. Exit code 0 done, 1 it failed or was cancelled, 2 no such portal."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("portal", help="address of a portal on which the application is installed")

    def handle(self, *args: Any, portal: str, **options: Any) -> None:
        found = portal_named(portal)
        run = synchronise.run_now(found, by="sync_portal")
        self.stdout.write(json.dumps(synchronise.summary(run), ensure_ascii=False, indent=2))
        if run.state != SyncRun.State.DONE:
            raise CommandError(run.error or run.get_state_display())
