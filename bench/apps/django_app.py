"""A small Django application with the middleware that `startproject` sets, but for sessions, which need a database."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a benchmark",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)


def read_item(request: HttpRequest, item_id: int) -> JsonResponse:
    item = {"item_id": item_id, "name": request.GET["name"], "tags": ["a", "b"], "in_stock": True}
    return JsonResponse(item, json_dumps_params={"separators": (",", ":")})


urlpatterns = [path("items/<int:item_id>", read_item)]
app = get_wsgi_application()
