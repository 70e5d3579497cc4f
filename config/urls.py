"""The one place that names the apps."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("integration.urls")),  # first: most requests are notifications
    path("admin/integration/credential/", include("settings_ui.staff_urls")),
    path("admin/", admin.site.urls),
    path("api/", include("settings_ui.api_urls")),
    path("", include("crm_bitrix.urls")),
    path("", include("telephony.urls")),
    path("", include("settings_ui.urls")),
]
