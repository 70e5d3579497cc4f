"""What is known of UIS accounts, and which CRM objects belong to which client."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.admin.base import CredentialFilter, LookupFilter, ReadOnlyAdmin
from integration.admin.page import pretty
from integration.admin.veil import Veil
from integration.models import UisItem


class GoneFilter(LookupFilter):
    """Entries that are there, and those that have vanished."""

    title = _("есть сейчас")
    parameter_name = "gone"
    answers = {"no": (_("да"), Q(missing_since__isnull=True)), "yes": (_("исчезли"), Q(missing_since__isnull=False))}


class ItemAdmin(ReadOnlyAdmin):
    """Entries of a dictionary."""

    list_display = ["name", "kind", "code", "owner", "missing_since"]
    search_fields = ["name", "code"]
    ordering = ["kind", "name"]
    readonly_fields = ["content"]

    @admin.display(description=_("подробности"))
    def content(self, row: UisItem) -> str:
        """Numbers and addresses of employees are personal data, too."""
        return pretty(Veil().value(row.data))


@admin.register(UisItem)
class UisItemAdmin(ItemAdmin):
    list_filter = ["kind", GoneFilter, ("credential", CredentialFilter)]
    list_select_related = ["credential"]
    fields = ["credential", "kind", "code", "name", "content", "missing_since"]

    @admin.display(description=_("подключение"), ordering="credential")
    def owner(self, row: UisItem) -> str:
        return row.credential.name
