"""Addresses under `/api/`."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from settings_ui import api

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("credentials/<uuid:uuid>/settings/", api.SettingsView.as_view(), name="api-settings"),
]
