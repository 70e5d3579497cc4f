"""Unsaved settings of a person, kept by the server: a frame that is closed asks nobody, and its browser keeps nothing.

Drafts drive nothing: live processing reads the saved settings only.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from integration.models import Credential
from settings_ui.models import SettingsDraft
from settings_ui.screen_person import Person

KEPT = timedelta(days=30)


def find_draft(credential: Credential, person: Person) -> SettingsDraft | None:
    """What this person has left unsaved here."""
    return _of(credential, person).first()


def keep_draft(credential: Credential, person: Person, *, base_revision: int, document: dict[str, Any]) -> None:
    """Keep what stands on the screen, in place of what was kept before. The last one who writes wins."""
    SettingsDraft.objects.update_or_create(
        credential=credential,
        author_kind=person.kind.value,
        user_id=person.user_id,
        defaults={"base_revision": base_revision, "document": document, "saved_at": timezone.now()},
    )


def drop_draft(credential: Credential, person: Person) -> None:
    """Forget it: it is saved, or not wanted."""
    _of(credential, person).delete()


def purge_drafts() -> int:
    """Delete drafts that nobody has touched for 30 days; how many there were."""
    count, _ = SettingsDraft.objects.filter(saved_at__lte=timezone.now() - KEPT).delete()
    return count


def _of(credential: Credential, person: Person) -> Any:
    return SettingsDraft.objects.filter(credential=credential, author_kind=person.kind.value, user_id=person.user_id)
