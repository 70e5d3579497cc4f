"""The least that a Django view can do with a notification: one INSERT, in the same server, behind the same middleware.

It checks no secret, encrypts nothing, sees no repetition and wakes nobody.
"""

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from config.urls import urlpatterns as service

CREATE = {
    "postgresql": "CREATE TABLE bench_bare (id bigserial PRIMARY KEY, at timestamptz, body bytea)",
    "sqlite": "CREATE TABLE bench_bare (id integer PRIMARY KEY AUTOINCREMENT, at datetime, body blob)",
}


class Bare(models.Model):
    at = models.DateTimeField(default=timezone.now)
    body = models.BinaryField()

    class Meta:
        app_label = "integration"
        managed = False
        db_table = "bench_bare"

    def __str__(self) -> str:
        return str(self.pk)


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    Bare.objects.create(body=request.body)
    return HttpResponse(status=200)


urlpatterns = [path("bare/", bare), *service]
