"""A Django project in one file with django-eventstream, which stores its events in SQLite, for uvicorn.

Environment: EVENTSTREAM_DATABASE names the file.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import include, path

if TYPE_CHECKING:
    from django.http import HttpRequest

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_eventstream"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["EVENTSTREAM_DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    EVENTSTREAM_STORAGE_CLASS="django_eventstream.storage.DjangoModelStorage",
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()

# Both need the settings.
import django_eventstream  # noqa: E402
from django.core.management import call_command  # noqa: E402

call_command("migrate", verbosity=0)


def publish(request: HttpRequest) -> HttpResponse:
    """Publish; the library gives ids of its own."""
    event = json.loads(request.body)
    django_eventstream.send_event("news", event["type"], event["data"], json_encode=False)
    return HttpResponse(status=204)


urlpatterns = [
    path("events", include(django_eventstream.urls), {"channels": ["news"]}),
    path("publish", publish),
]
app = get_asgi_application()
