"""The tables that every app shares. Names and owners: docs/architecture.md."""

from integration.models.alert import Alert
from integration.models.attempts import Attempts
from integration.models.audit import AuditEntry
from integration.models.communication import ClientLink, Communication, State
from integration.models.dictionaries import EmployeeLink, UisItem
from integration.models.inbox import InboxEvent
from integration.models.lane import Lane
from integration.models.portal import Brand, Credential, Portal
from integration.models.reports import DayCount, ReportCursor
from integration.models.settings import (
    FieldMapping,
    Filter,
    NameTemplate,
    NumberSettings,
    ResponsibleRule,
    SettingsRevision,
    SettingsTab,
    Stream,
)

__all__ = [
    "Alert",
    "Attempts",
    "AuditEntry",
    "Brand",
    "ClientLink",
    "Communication",
    "Credential",
    "DayCount",
    "EmployeeLink",
    "FieldMapping",
    "Filter",
    "InboxEvent",
    "Lane",
    "NameTemplate",
    "NumberSettings",
    "Portal",
    "ReportCursor",
    "ResponsibleRule",
    "SettingsRevision",
    "SettingsTab",
    "State",
    "Stream",
    "UisItem",
]
