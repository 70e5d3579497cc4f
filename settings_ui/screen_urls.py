"""Addresses of the settings screen, below `bitrix24/app/screen/`: who may call which."""

from django.urls import path

from settings_ui import screen, screen_drafts, screen_history, screen_panels, screen_saving, screen_trying, withheld
from settings_ui.screen_asked import for_admins, for_everybody

urlpatterns = [
    path("", for_everybody(screen.load_screen), name="screen"),
    path("edit/", for_admins(screen.edit_screen), name="screen-edit"),
    path("check/", for_admins(screen.check_field), name="screen-check"),
    path("save/", for_admins(screen_saving.save_screen), name="screen-save"),
    path("changes/", for_admins(screen_saving.show_changes), name="screen-changes"),
    path("draft/", for_admins(screen_drafts.keep), name="screen-draft"),
    path("draft/resume/", for_admins(screen_drafts.resume), name="screen-draft-resume"),
    path("draft/drop/", for_admins(screen_drafts.drop), name="screen-draft-drop"),
    path("search/", for_admins(screen.search_entries), name="screen-search"),
    path("preview/", for_admins(screen_trying.preview_title), name="screen-preview"),
    path("passing/", for_admins(screen_trying.show_passing), name="screen-passing"),
    path("events/", for_admins(screen_trying.show_events), name="screen-events"),
    path("revision/", for_everybody(screen_history.show_revision), name="screen-revision"),
    path("restore/", for_admins(screen_history.restore), name="screen-restore"),
    path("export/", for_everybody(screen_history.export), name="screen-export"),
    path("import/", for_admins(screen_history.import_file), name="screen-import"),
    path("withheld/", for_admins(withheld.choose), name="screen-withheld"),
    path("sync/", screen_panels.show_sync, name="screen-sync"),
    path("sync/cancel/", screen_panels.cancel_sync, name="screen-sync-cancel"),
    path("sync/start/", screen_panels.start_sync, name="screen-sync-start"),
]
