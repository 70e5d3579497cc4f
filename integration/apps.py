from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationConfig(AppConfig):
    name = "integration"
    verbose_name = _("Общее")

    def ready(self) -> None:
        from integration import checks  # noqa: F401, PLC0415 - registering is what the import is for
