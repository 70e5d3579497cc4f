"""Who sits at the screen: a user of the portal in its frame, or staff."""

from dataclasses import dataclass

from integration.rules.known import Known
from integration.settings_document import AuthorKind


@dataclass(frozen=True)
class Person:
    """`user_id` is the portal's for a user of it, ours for staff, whose `name` is given."""

    kind: AuthorKind
    user_id: int
    is_admin: bool
    name: str = ""

    def author(self, known: Known) -> str:
        """Who saves, for the history: his name in the portal and his id."""
        return self.name or str(known.people.find(self.user_id) or self.user_id)
