from django.urls import include, path

from settings_ui import connect, screen, screen_panels, views
from settings_ui.limits import limits_looks, limits_refusals

urlpatterns = [
    path("bitrix24/install/", limits_refusals(views.install_page), name="bitrix24-install"),
    path("bitrix24/app/", limits_refusals(views.app_page), name="bitrix24-app"),
    path("bitrix24/app/checklist/", views.checklist_part, name="bitrix24-checklist"),
    path("bitrix24/app/uis-key/", views.save_uis_key, name="bitrix24-uis-key"),
    path("bitrix24/app/addresses/", views.new_addresses, name="bitrix24-addresses"),
    path("bitrix24/app/screen/", screen.load_screen, name="screen"),
    path("bitrix24/app/screen/edit/", screen.edit_screen, name="screen-edit"),
    path("bitrix24/app/screen/save/", screen.save_screen, name="screen-save"),
    path("bitrix24/app/screen/search/", screen.search_entries, name="screen-search"),
    path("bitrix24/app/screen/preview/", screen.preview_title, name="screen-preview"),
    path("bitrix24/app/screen/revision/", screen.show_revision, name="screen-revision"),
    path("bitrix24/app/screen/restore/", screen.restore, name="screen-restore"),
    path("bitrix24/app/screen/export/", screen.export, name="screen-export"),
    path("bitrix24/app/screen/import/", screen.import_file, name="screen-import"),
    path("bitrix24/app/screen/sync/", screen_panels.show_sync, name="screen-sync"),
    path("bitrix24/app/screen/sync/start/", screen_panels.start_sync, name="screen-sync-start"),
    path("bitrix24/app/", include("settings_ui.journal_urls")),
    path("bitrix24/session/renew/", limits_refusals(views.renew_session), name="bitrix24-session-renew"),
    path("bitrix24/placement/<str:code>/", limits_refusals(views.placement_page), name="bitrix24-placement"),
    path("connect/", limits_looks(connect.connect_page), name="connect"),
    path("bitrix24/oauth/", limits_refusals(connect.oauth_page), name="bitrix24-oauth"),
]
