"""Write what is encrypted anew with the first key: `manage.py rotate_encryption_keys [--check]`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration import audit, key_rotation


class Command(BaseCommand):
    help = (
        "Write everything that is encrypted anew with the first of FIELD_ENCRYPTION_KEYS, and print the number of rows "
        "of each table as JSON. First all rows are opened; when one cannot be, nothing is changed. Afterwards the "
        "former keys may be taken out of the list. The service may run meanwhile. Exit code 0 done, 1 a row is "
        "encrypted with a key that is not in the list, 2 wrong usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only open all rows, change nothing")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        try:
            counts = key_rotation.check()
            if not check:
                counts = key_rotation.rotate()
                audit.note(audit.Action.KEYS_ROTATED, by=audit.Actor.COMMAND, actor="rotate_encryption_keys", **counts)
        except key_rotation.Unreadable as error:
            raise CommandError(f"{error}. Add the key it was encrypted with to FIELD_ENCRYPTION_KEYS.") from error
        self.stdout.write(json.dumps(counts, indent=2))
