"""The staff's pages of portals, their settings, and the journal of what was done in them."""

from crm_bitrix.admin.credentials import CredentialAdmin
from crm_bitrix.admin.journal import CommunicationAdmin
from crm_bitrix.admin.portals import PortalAdmin
from crm_bitrix.admin.requests import BitrixItemAdmin, CrmActionAdmin, RequestLogAdmin, SyncRunAdmin
from crm_bitrix.admin.streams import EmployeeLinkAdmin, NumberSettingsAdmin, StreamAdmin

__all__ = [
    "BitrixItemAdmin",
    "CommunicationAdmin",
    "CredentialAdmin",
    "CrmActionAdmin",
    "EmployeeLinkAdmin",
    "NumberSettingsAdmin",
    "PortalAdmin",
    "RequestLogAdmin",
    "StreamAdmin",
    "SyncRunAdmin",
]
