from django.apps import AppConfig


class CrmBitrixConfig(AppConfig):
    name = "crm_bitrix"
    verbose_name = "Битрикс24"
