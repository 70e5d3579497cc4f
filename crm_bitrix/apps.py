from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CrmBitrixConfig(AppConfig):
    name = "crm_bitrix"
    verbose_name = _("Битрикс24")
