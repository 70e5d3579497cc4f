"""Tokens of the staff's API: whose they are, and the means to revoke them. `drf_create_token` makes one."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from rest_framework.authtoken.models import TokenProxy

if admin.site.is_registered(TokenProxy):
    admin.site.unregister(TokenProxy)  # the framework's own page shows the keys


@admin.register(TokenProxy)
class TokenAdmin(admin.ModelAdmin):
    """Without the key. To delete a token is to revoke it."""

    list_display = ["user", "created"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = readonly_fields = ["user", "created"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A token calls itself by its key, so the page that asks before deleting names its user instead."""
        _deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        return [str(token.user) for token in objs], counts, needed, protected
