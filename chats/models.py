"""Chats and offline requests as staff see them; their rows are those of all communications."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chats.events import CHAT, REQUEST
from integration.models import Communication


class ChatManager(models.Manager["Chat"]):
    def get_queryset(self) -> "models.QuerySet[Chat]":
        return super().get_queryset().filter(kind=CHAT)


class Chat(Communication):
    """A communication that is a chat."""

    objects = ChatManager()

    class Meta:
        proxy = True
        verbose_name = _("чат")
        verbose_name_plural = _("чаты")


class OfflineRequestManager(models.Manager["OfflineRequest"]):
    def get_queryset(self) -> "models.QuerySet[OfflineRequest]":
        return super().get_queryset().filter(kind=REQUEST)


class OfflineRequest(Communication):
    """A communication that is a request from a form of a site."""

    objects = OfflineRequestManager()

    class Meta:
        proxy = True
        verbose_name = _("заявка с сайта")
        verbose_name_plural = _("заявки с сайта")
