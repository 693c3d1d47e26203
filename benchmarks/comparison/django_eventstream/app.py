"""A Django project in one file, with django-eventstream set up as its README says.

Not here: how it is served (launcher.py).
Environment: EVENTSTREAM_DATABASE names a SQLite file; then events are stored before they are sent (the README's
section Event storage), else they are in memory only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import include, path

if TYPE_CHECKING:
    from django.http import HttpRequest

DATABASE = os.environ.get("EVENTSTREAM_DATABASE", "")
STORAGE = {"EVENTSTREAM_STORAGE_CLASS": "django_eventstream.storage.DjangoModelStorage"} if DATABASE else {}

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for the comparison",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_eventstream"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATABASE or ":memory:",
            "CONN_MAX_AGE": None,
            # As Django's page Databases advises for SQLite under several writers.
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
            },
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
    LOGGING_CONFIG=None,
    **STORAGE,
)
django.setup()

# Both need the settings.
import django_eventstream  # noqa: E402
from django.core.management import call_command  # noqa: E402

if DATABASE:
    call_command("migrate", verbosity=0)


def publish(request: HttpRequest) -> HttpResponse:
    """Publish the body to the channel of the query."""
    django_eventstream.send_event(request.GET["channel"], "message", request.body.decode(), json_encode=False)
    return HttpResponse(status=204)


urlpatterns = [
    path("events/", include(django_eventstream.urls)),
    path("publish", publish),
]
app = get_asgi_application()
