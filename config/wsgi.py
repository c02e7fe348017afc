"""The WSGI application: everything that answers at once."""

import os
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

from common.memory import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# The threads of `web` are few and stay, so each keeps a connection of its own. Under ASGI, where this is imported after
# the settings, many threads share a pool.
os.environ.setdefault("DATABASE_POOL_SIZE", "0")


class Request(WSGIRequest):
    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Takes everything for UTF-8, and a content type that can't be read for one that nobody takes.

        Django fails on both before anything could answer: on a type that is too long or encoded in an unknown way, and
        on a charset that Python knows but that is none (`rot13`).
        """
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:
            self.content_type, self.content_params = "application/octet-stream", {}
            meta["CONTENT_TYPE"] = self.content_type


class Handler(WSGIHandler):
    request_class = Request


django.setup(set_prefix=False)
application = Handler()
import_module(settings.ROOT_URLCONF)
keep_what_is_loaded()
