from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettingsUiConfig(AppConfig):
    name = "settings_ui"
    verbose_name = _("Экран настроек")
