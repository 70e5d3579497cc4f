from django.urls import path

from telephony import views

urlpatterns = [
    path("uis/<uuid:credential_uuid>/<str:secret>/route/", views.route, name="uis-route"),
]
