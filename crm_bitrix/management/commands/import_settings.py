"""`manage.py import_settings <credential> <file> [--check] [--note TEXT]`: make a document the settings."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm_bitrix.known import load_known
from crm_bitrix.management.named import WRONG_USAGE, credential_named
from integration.models import Credential
from integration.rules.document_changes import find_changes
from integration.rules.document_export import dump_settings
from integration.rules.document_text import MAX_BYTES
from integration.rules.known import Known
from integration.rules.settings_value import Settings
from integration.settings_document import MAX_NOTE, AuthorKind, read_document, read_settings, save_settings
from integration.settings_rows import BadRow

STANDARD_INPUT = "-"


class Command(BaseCommand):
    help = (
        "Replace all settings of a credential by a settings document, or refuse it with a list of what is wrong. "
        "Exit status: 0 done or nothing to change, 1 refused, 2 wrong usage, unreadable file or unknown credential."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("credential", help="its public id or its exact name")
        parser.add_argument("file", help="the document, or - for standard input")
        parser.add_argument("--check", action="store_true", help="say what would change and save nothing")
        parser.add_argument("--note", default="", help="kept with the revision")

    def handle(
        self, *args: Any, credential: str, file: str, check: bool = False, note: str = "", **options: Any
    ) -> None:
        if len(note) > MAX_NOTE:
            raise CommandError(f"--note takes at most {MAX_NOTE} characters", returncode=WRONG_USAGE)
        chosen = credential_named(credential)
        known = load_known(chosen)
        parsed = read_document(chosen, read_file(file), known=known)
        for warning in parsed.warnings:
            self.stderr.write(f"warning: {warning}", self.style.WARNING)
        if parsed.settings is None:
            for fault in parsed.faults:
                self.stderr.write(str(fault))
            sys.exit(1)
        if check:
            self.print_changes(chosen, parsed.settings, known)
        else:
            self.save(chosen, parsed.settings, known, note)

    def print_changes(self, credential: Credential, settings: Settings, known: Known) -> None:
        try:
            present = dump_settings(read_settings(credential), known=known)
        except BadRow as error:
            raise CommandError(f"the stored settings cannot be read, importing replaces them: {error}") from None
        changes = find_changes(present, dump_settings(settings, known=known))
        for change in changes:
            self.stdout.write(str(change))
        if not changes:
            self.stdout.write("nothing would change")

    def save(self, credential: Credential, settings: Settings, known: Known, note: str) -> None:
        revision = save_settings(
            credential, settings, known=known, author_kind=AuthorKind.COMMAND, author=operator(), note=note
        )
        self.stdout.write(f"saved as revision {revision.number}" if revision else "nothing to change")


def read_file(name: str) -> bytes:
    """The document's bytes, a little more than it may have at most. Raises CommandError with exit status 2."""
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{name} cannot be read: {error}", returncode=WRONG_USAGE) from None


def operator() -> str:
    """Who runs the command, by the login name; "" where a container has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
