"""Addresses of Главная beside its form, below `bitrix24/app/`."""

from django.urls import path

from settings_ui import home, home_people

urlpatterns = [
    path("checklist/", home.checklist_part, name="bitrix24-checklist"),
    path("uis-key/", home.save_uis_key, name="bitrix24-uis-key"),
    path("credentials/", home.add_credential, name="bitrix24-credentials"),
    path("addresses/", home.new_addresses, name="bitrix24-addresses"),
    path("check/", home.check, name="bitrix24-check"),
    path("check/return/", home.check_return, name="bitrix24-check-return"),
    path("past/", home.read_past, name="bitrix24-past"),
    path("people/new/", home_people.show_new, name="people-new"),
    path("people/create/", home_people.create, name="people-create"),
    path("people/past/", home_people.find_past, name="people-past"),
    path("people/past/again/", home_people.past_again, name="people-past-again"),
]
