"""The audit trail on the staff's pages: to be read, by nobody to be changed."""

from django.contrib import admin

from integration.admin.base import CredentialFilter, PortalFilter, ReadOnlyAdmin
from integration.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "action", "about", "actor_kind", "actor", "detail"]
    list_filter = ["action", "actor_kind", "at", ("portal", PortalFilter), ("credential", CredentialFilter)]
    search_fields = ["about", "actor", "portal__domain", "credential__name"]
    ordering = ["-at", "-pk"]
    fields = ["at", "action", "about", "actor_kind", "actor", "portal", "credential", "detail"]
