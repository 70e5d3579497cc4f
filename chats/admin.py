"""The journals of chats and of offline requests."""

from django.contrib import admin

from chats.models import Chat, OfflineRequest
from crm_bitrix.admin import CommunicationAdmin
from integration.admin.base import PortalFilter


class _OneKindAdmin(CommunicationAdmin):
    list_display = ["when", "client", "outcome", "short_reason", "crm", "responsible", "portal_name"]
    list_filter = ["state", "started_at", ("portal", PortalFilter)]


@admin.register(Chat)
class ChatAdmin(_OneKindAdmin):
    """Chats, newest first."""


@admin.register(OfflineRequest)
class OfflineRequestAdmin(_OneKindAdmin):
    """Requests, newest first."""
