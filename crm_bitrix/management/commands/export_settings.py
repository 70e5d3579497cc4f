"""`manage.py export_settings <credential> [--revision N]`: the settings document on standard output."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm_bitrix.known import load_known
from crm_bitrix.management.named import WRONG_USAGE, credential_named
from integration.rules.document_text import write_json
from integration.settings_document import export_document
from integration.settings_rows import BadRow


class Command(BaseCommand):
    help = "Print the settings document of a credential. Exit status: 0 done, 2 unknown credential or revision."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("credential", help="its public id or its exact name")
        parser.add_argument("--revision", type=int, metavar="N", help="an old revision (the present settings)")

    def handle(self, *args: Any, credential: str, revision: int | None = None, **options: Any) -> None:
        chosen = credential_named(credential)
        old = None if revision is None else chosen.revisions.filter(number=revision).first()
        if revision is not None and old is None:
            raise CommandError(
                f"there is no revision {revision}; the newest is {chosen.revision}", returncode=WRONG_USAGE
            )
        try:
            document = export_document(chosen, known=load_known(chosen), now=timezone.now(), revision=old)
        except BadRow as error:
            raise CommandError(f"the stored settings cannot be read: {error}") from None
        self.stdout.write(write_json(document), ending="")
