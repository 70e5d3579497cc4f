from django.urls import include, path

from settings_ui import connect, views

urlpatterns = [
    path("bitrix24/install/", views.install_page, name="bitrix24-install"),
    path("bitrix24/app/", views.app_page, name="bitrix24-app"),
    path("bitrix24/app/checklist/", views.checklist_part, name="bitrix24-checklist"),
    path("bitrix24/app/uis-key/", views.save_uis_key, name="bitrix24-uis-key"),
    path("bitrix24/app/addresses/", views.new_addresses, name="bitrix24-addresses"),
    path("bitrix24/app/", include("settings_ui.journal_urls")),
    path("bitrix24/session/renew/", views.renew_session, name="bitrix24-session-renew"),
    path("bitrix24/placement/<str:code>/", views.placement_page, name="bitrix24-placement"),
    path("connect/", connect.connect_page, name="connect"),
    path("bitrix24/oauth/", connect.oauth_page, name="bitrix24-oauth"),
]
