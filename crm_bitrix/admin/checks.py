"""Settings edited on the staff's pages: held against the settings document before they are saved, recorded after.

The rows are the pieces of that document, so its parser says what is wrong with them, with the same paths and words as
for an imported file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from crm_bitrix.known import load_known
from integration.models import Credential, FieldMapping, SettingsRevision, SettingsTab
from integration.rules.document import parse_document
from integration.rules.document_export import dump_settings
from integration.rules.document_text import write_json
from integration.rules.facts import StreamKind
from integration.rules.faults import Fault
from integration.rules.known import Known
from integration.rules.ruleset import CALLS
from integration.settings_document import AuthorKind, read_settings
from integration.settings_rows import BadRow


def stream_path(kind: str) -> tuple[str, str]:
    """Where a stream stands in the document: its tab and its own key."""
    tab = SettingsTab.Tab.TELEPHONY if StreamKind(kind) in CALLS else SettingsTab.Tab.CHATS
    return tab.value, kind


def find_faults(
    credential: Credential, path: Sequence[str], part: Mapping[str, Any], *, known: Known | None = None
) -> list[Fault]:
    """What would be wrong with the settings of a credential if `part` stood at `path`.

    Faults of other places are not this change's; of a tab that is to be `active`, its streams are its own.
    """
    known = known or load_known(credential)
    document = _present(credential, known)
    place = document
    for key in path:
        place = place.setdefault(key, {})
    place.update(part)
    kept = set(FieldMapping.objects.filter(stream__credential=credential).values_list("object", "field"))
    parsed = parse_document(write_json(document), known=known, kept=kept)
    own = [".".join(path)] if "active" in part else [".".join([*path, key]) for key in part]
    return [fault for fault in parsed.faults if any(_is_within(fault.path, place) for place in own)]


def refuse(faults: Sequence[Fault]) -> None:
    """Raises ValidationError with every fault on a line of its own, path first."""
    if faults:
        raise ValidationError([str(fault) for fault in faults])


def record_change(credential: Credential, *, author: str, note: str) -> bool:
    """Count the revision up, so that the changed rules are used from now on, and keep the document in the history.

    False: counted, but the settings as a whole cannot be read, so that there is nothing to keep.
    """
    with transaction.atomic():
        Credential.objects.select_for_update().get(pk=credential.pk)
        Credential.objects.filter(pk=credential.pk).update(revision=F("revision") + 1)
        credential.refresh_from_db(fields=["revision"])
        try:
            document = dump_settings(read_settings(credential), known=load_known(credential))
        except BadRow:
            return False
        SettingsRevision.objects.create(
            credential=credential,
            number=credential.revision,
            document=document,
            author_kind=AuthorKind.STAFF.value,
            author=author,
            note=note,
        )
    return True


def _present(credential: Credential, known: Known) -> dict[str, Any]:
    try:
        return dump_settings(read_settings(credential), known=known)
    except BadRow:
        return {"version": 1}


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))
