"""Settings of a credential: the one way to read them, the one way to change them, and their history.

Whatever side a change comes from – a tab of the screen, a file, the API, a restored revision – it becomes a settings
document, is parsed against what is known (`integration.rules.document`), and is saved here.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from integration import audit
from integration.models import Credential, FieldMapping, SettingsRevision
from integration.rules.document import ParsedDocument, parse_document
from integration.rules.document_export import dump_settings
from integration.rules.document_keys import arrange
from integration.rules.document_text import write_json
from integration.rules.facts import StreamKind
from integration.rules.known import Known
from integration.rules.ruleset import CALLS
from integration.rules.settings_value import Settings
from integration.settings_rows import BadRow, read_rows, write_rows

MAX_NOTE = 500
MAX_AUTHOR = 200


class AuthorKind(StrEnum):
    """Who changed settings: a Bitrix24 user in the frame, staff, a command, or the service itself."""

    BITRIX = "bitrix24"
    STAFF = "staff"
    COMMAND = "command"
    SYSTEM = "system"


class StaleRevision(Exception):
    """Somebody else has saved since; `present` is the newest revision."""

    def __init__(self, present: int) -> None:
        super().__init__(f"the settings have changed meanwhile: the newest revision is {present}")
        self.present = present


def read_settings(credential: Credential) -> Settings:
    """The settings of a credential as they stand; defaults for what was never set. Raises BadRow.

    Rows are read in several queries; a save between two of them would leave a stream without its rules. So they are
    read again when the revision has moved meanwhile.
    """
    revision = _newest_revision(credential)
    while True:
        settings = read_rows(credential)
        before, revision = revision, _newest_revision(credential)
        if before == revision:
            return settings


def save_settings(
    credential: Credential,
    settings: Settings,
    *,
    known: Known,
    author_kind: AuthorKind,
    author: str,
    note: str = "",
    base_revision: int | None = None,
) -> SettingsRevision | None:
    """Make these the settings of the credential, all or nothing; returns the new revision, None if nothing changes.

    1. Lock the credential, so that two saves follow each other; `base_revision`, the one the author has seen, must
       still be the newest, else StaleRevision.
    2. Compare with the present settings: equal ones change nothing and add no revision.
    3. Replace the rows, count the revision up, keep the document without `about` (names from `known`).
    All in one transaction: whatever fails, the present settings stay. `settings` must come from `parse_document`.
    """
    with transaction.atomic():
        newest = Credential.objects.select_for_update().only("revision").get(pk=credential.pk).revision
        if base_revision is not None and base_revision != newest:
            raise StaleRevision(newest)
        if _is_same(credential, settings):
            return None
        write_rows(credential, settings)
        Credential.objects.filter(pk=credential.pk).update(revision=newest + 1)
        revision = SettingsRevision.objects.create(
            credential=credential,
            number=newest + 1,
            document=dump_settings(settings, known=known),
            author_kind=author_kind.value,
            author=author[:MAX_AUTHOR],
            note=note[:MAX_NOTE],
        )
        by = audit.Actor(author_kind.value)
        audit.note(audit.Action.SETTINGS_SAVED, by=by, actor=author, credential=credential, revision=newest + 1)
    credential.revision = newest + 1
    return revision


def read_document(
    credential: Credential, text: str | bytes, *, known: Known, restored: SettingsRevision | None = None
) -> ParsedDocument:
    """Parse a document that is to become the settings of the credential.

    Mapping rows of the present settings, and of the revision that is being restored, are taken although their fields
    have changed since.
    """
    kept = set(FieldMapping.objects.filter(stream__credential=credential).values_list("object", "field"))
    if restored is not None:
        kept |= _mapped_fields(restored.document)
    return parse_document(text, known=known, kept=kept)


def restore_revision(
    revision: SettingsRevision, *, known: Known, author_kind: AuthorKind, author: str, note: str = ""
) -> tuple[ParsedDocument, SettingsRevision | None]:
    """Make an old revision the present one, as a new revision; nothing is saved if its document has faults now."""
    credential = revision.credential
    parsed = read_document(credential, write_json(revision.document), known=known, restored=revision)
    if parsed.settings is None:
        return parsed, None
    saved = save_settings(credential, parsed.settings, known=known, author_kind=author_kind, author=author, note=note)
    return parsed, saved


def export_document(
    credential: Credential, *, known: Known, now: datetime, revision: SettingsRevision | None = None
) -> dict[str, Any]:
    """The settings document of the credential, of an old revision if one is given, with `about`.

    The names in an old revision are those of its time.
    """
    document = dump_settings(read_settings(credential), known=known) if revision is None else revision.document
    about = {
        "portal": known.portal_domain,
        "credential": credential.name,
        "revision": credential.revision if revision is None else revision.number,
        "exported_at": now.astimezone(credential.zone).isoformat(timespec="seconds"),
    }
    # PostgreSQL does not keep the order of keys.
    arranged: dict[str, Any] = arrange({**document, "about": about})
    return arranged


def _newest_revision(credential: Credential) -> int:
    return Credential.objects.values_list("revision", flat=True).get(pk=credential.pk)


def _is_same(credential: Credential, settings: Settings) -> bool:
    try:
        return settings == read_rows(credential)
    except BadRow:
        return False  # saving is what mends such rows


def _mapped_fields(document: dict[str, Any]) -> set[tuple[str, str]]:
    tabs = {kind: document["telephony" if kind in CALLS else "chats"] for kind in StreamKind}
    return {(row["object"], row["field"]) for kind, tab in tabs.items() for row in tab[kind.value]["mapping"]}
