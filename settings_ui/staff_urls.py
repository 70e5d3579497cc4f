"""The address of the tabs below the admin's."""

from django.contrib import admin
from django.urls import path

from settings_ui import staff

urlpatterns = [path("<int:pk>/settings/", admin.site.admin_view(staff.settings_page), name="staff-settings")]
