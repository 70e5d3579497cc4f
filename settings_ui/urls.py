from django.urls import include, path

from settings_ui import connect, views
from settings_ui.limits import limits_looks, limits_refusals

urlpatterns = [
    path("bitrix24/install/", limits_refusals(views.install_page), name="bitrix24-install"),
    path("bitrix24/app/", limits_refusals(views.app_page), name="bitrix24-app"),
    path("bitrix24/app/screen/", include("settings_ui.screen_urls")),
    path("bitrix24/app/", include("settings_ui.home_urls")),
    path("bitrix24/app/", include("settings_ui.journal_urls")),
    path("bitrix24/session/renew/", limits_refusals(views.renew_session), name="bitrix24-session-renew"),
    path("bitrix24/placement/<str:code>/", limits_refusals(views.placement_page), name="bitrix24-placement"),
    path("connect/", limits_looks(connect.connect_page), name="connect"),
    path("bitrix24/oauth/", limits_refusals(connect.oauth_page), name="bitrix24-oauth"),
]
