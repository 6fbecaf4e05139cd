"""Django Channels with a layer in Redis, as its tutorial has it. Served by tests/frameworks/test_websockets.py.

$REDIS is the port on which Redis listens.
"""

import json
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [("127.0.0.1", int(os.environ["REDIS"]))]},
        }
    },
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path


def index(request):
    return HttpResponse("plain")


urlpatterns = [path("", index)]


class Room(AsyncWebsocketConsumer):
    async def connect(self):
        self.group = f"room_{self.scope['url_route']['kwargs']['name']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data):
        message = {"type": "said", "words": json.loads(text_data)["words"], "by": os.getpid()}
        await self.channel_layer.group_send(self.group, message)

    async def said(self, event):
        await self.send(text_data=json.dumps({"words": event["words"], "by": event["by"], "from": os.getpid()}))


class Sync(WebsocketConsumer):
    """Runs on threads."""

    def connect(self):
        self.accept()

    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=text_data, bytes_data=bytes_data)
        if text_data == "bye":
            self.close(code=3001)


app = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": AllowedHostsOriginValidator(
            URLRouter([path("room/<name>", Room.as_asgi()), path("sync", Sync.as_asgi())])
        ),
    }
)
