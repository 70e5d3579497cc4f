from django.urls import path

from integration import views

urlpatterns = [
    path("uis/<uuid:credential_uuid>/<str:secret>/events/", views.uis_events, name="uis-events"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
