"""Addresses of the journal and of the rehearsal, below `bitrix24/app/`."""

from django.urls import path

from settings_ui import journal_days, journal_views, rehearsal_views

urlpatterns = [
    path("journal/", journal_views.journal_page, name="bitrix24-journal"),
    path("journal/days/", journal_days.days, name="bitrix24-journal-days"),
    path("journal/again/", journal_views.again_failed, name="bitrix24-journal-again-failed"),
    path("journal/again/<int:pk>/", journal_views.progress, name="bitrix24-journal-progress"),
    path("journal/<int:pk>/", journal_views.details, name="bitrix24-journal-details"),
    path("journal/<int:pk>/reveal/", journal_views.reveal, name="bitrix24-journal-reveal"),
    path("journal/<int:pk>/records/", journal_views.records_again, name="bitrix24-journal-records"),
    path("journal/<int:pk>/again/", journal_views.again, name="bitrix24-journal-again"),
    path("rehearsal/", rehearsal_views.rehearsal, name="bitrix24-rehearsal"),
]
