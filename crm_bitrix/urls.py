from django.urls import path

from crm_bitrix import views

urlpatterns = [
    path("bitrix24/events/", views.portal_events, name="bitrix24-events"),
    path("metrics", views.metrics, name="metrics"),
]
