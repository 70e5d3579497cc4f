from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from integration import checks  # noqa: F401 - registering is what the import is for


class IntegrationConfig(AppConfig):
    name = "integration"
    verbose_name = _("Общее")
