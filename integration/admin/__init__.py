"""The staff's pages of what every app shares. Those that need the CRM stand in the apps above."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from rest_framework.authtoken.models import TokenProxy

from integration.admin.alerts import AlertAdmin
from integration.admin.attempts import AttemptsAdmin
from integration.admin.audit import AuditEntryAdmin
from integration.admin.dictionaries import UisItemAdmin
from integration.admin.history import SettingsRevisionAdmin
from integration.admin.inbox import InboxEventAdmin
from integration.admin.lanes import LaneAdmin
from integration.admin.links import ClientLinkAdmin
from integration.admin.reports import DayCountAdmin, ReportCursorAdmin

__all__ = [
    "AlertAdmin",
    "AttemptsAdmin",
    "AuditEntryAdmin",
    "ClientLinkAdmin",
    "DayCountAdmin",
    "InboxEventAdmin",
    "LaneAdmin",
    "ReportCursorAdmin",
    "SettingsRevisionAdmin",
    "UisItemAdmin",
]

if admin.site.is_registered(TokenProxy):
    # The framework's page shows the keys, and a token calls itself by its key; `drf_create_token -r` replaces one.
    admin.site.unregister(TokenProxy)

admin.site.site_header = admin.site.site_title = _("UIS ↔ Битрикс24")
admin.site.index_title = _("Служебные страницы")
admin.site.enable_nav_sidebar = False  # journals need the width
