"""The staff's pages of what every app shares. Those that need the CRM stand in the apps above."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from integration.admin.dictionaries import UisItemAdmin
from integration.admin.history import SettingsRevisionAdmin
from integration.admin.inbox import InboxEventAdmin
from integration.admin.lanes import LaneAdmin
from integration.admin.tokens import TokenAdmin

__all__ = ["InboxEventAdmin", "LaneAdmin", "SettingsRevisionAdmin", "TokenAdmin", "UisItemAdmin"]

admin.site.site_header = "UIS ↔ Битрикс24"
admin.site.site_title = "UIS ↔ Битрикс24"
admin.site.index_title = _("Служебные страницы")
admin.site.enable_nav_sidebar = False  # journals need the width
