"""Addresses under `/api/`."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from settings_ui import api, journal_api

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("credentials/<uuid:uuid>/settings/", api.SettingsView.as_view(), name="api-settings"),
    path(
        "credentials/<uuid:uuid>/communications/",
        journal_api.CommunicationsView.as_view(),
        name="api-communications",
    ),
]
