"""Who knocks in vain: counts only, the addresses are not kept."""

from django.contrib import admin
from django.http import HttpRequest

from integration.admin.base import ReadOnlyAdmin
from integration.models import Attempts


@admin.register(Attempts)
class AttemptsAdmin(ReadOnlyAdmin):
    list_display = ["name", "count", "until", "address_hash"]
    ordering = ["-until"]
    fields = ["name", "count", "until", "address_hash"]

    def has_delete_permission(self, request: HttpRequest, obj: Attempts | None = None) -> bool:
        """Deleting lets an address try again at once."""
        return self.has_operate_permission(request)
