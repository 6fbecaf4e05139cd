"""A Django site in one file: `app` is WSGI, `asgi_app` ASGI. Served by tests/frameworks/test_django.py.

$STATE is a folder for the database and the collected static files; `prepare()` fills it.
"""

import hashlib
import os
import sys
from pathlib import Path

import django
from django.conf import settings

STATE = Path(os.environ["STATE"])

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE / "db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    STATIC_URL="/static/",
    STATIC_ROOT=STATE / "static",
    FILE_UPLOAD_TEMP_DIR=STATE,
    USE_TZ=True,
)
django.setup()

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def prepare():
    """Makes the database, with a user, and collects the static files."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    User.objects.create_superuser("root", "root@example.org", "secret")


def hello(request):
    return HttpResponse("hello from Django")


def users(request):
    return JsonResponse({"users": list(User.objects.values_list("username", flat=True))})


@csrf_exempt
def upload(request):
    document, digest = request.FILES["document"], hashlib.sha256()
    for chunk in document.chunks():
        digest.update(chunk)
    return JsonResponse({"name": document.name, "size": document.size, "sha256": digest.hexdigest()})


def stream(request):
    def lines():
        try:
            for number in range(int(request.GET.get("count", 100))):
                yield f"line {number}\n"
        finally:
            print("note: stream closed", file=sys.stderr, flush=True)

    return StreamingHttpResponse(lines(), content_type="text/plain")


def file(request):
    return FileResponse((STATE / "content").open("rb"), as_attachment=True, filename="offered.bin")


def address(request):
    return HttpResponse(request.build_absolute_uri())


def bug(request):
    raise RuntimeError("a bug")


urlpatterns = [
    path("", hello),
    path("users", users),
    path("upload", upload),
    path("stream", stream),
    path("file", file),
    path("address", address),
    path("bug", bug),
    path("admin/", admin.site.urls),
]
app = get_wsgi_application()
asgi_app = get_asgi_application()
