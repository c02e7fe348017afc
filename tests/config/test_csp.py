"""The Content-Security-Policy: strict, but for the paths that stand here."""

import json
import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from config.csp import EXCEPTIONS

STRICT = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
S3 = {
    "MEDIA_STORAGE": "s3",
    "S3_REGION": "eu-central-1",
    "S3_BUCKET": "troupe-files",
    "S3_ACCESS_KEY_ID": "AKIDTROUPE",
    "S3_SECRET_ACCESS_KEY": "secret",
}
PRINT_POLICY = "import json; from config.settings import *; print(json.dumps(CONTENT_SECURITY_POLICY['DIRECTIVES']))"
EXAMPLES = {"uuid": str(uuid.UUID(int=7)), "str": "x", "int": "1", "path": "x", "slug": "x"}


def policy_of(response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """An address of every route outside the admin."""
    for pattern in patterns:
        route = str(pattern.pattern)
        if (before + route).startswith("/admin/"):
            continue
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, before + route)
            continue
        for name, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
            route = route.replace(f"<{kind}:{name}>", EXAMPLES[kind]).replace(f"<{name}>", EXAMPLES[kind])
        assert "<" not in route, route
        yield before + route


ADDRESSES = [*addresses(get_resolver().url_patterns), "/nothing-here", "/api/nothing-here", "/administration", "/admin"]


def test_the_exceptions_are_these_and_no_others():
    assert EXCEPTIONS == {
        "/admin/django_rq/": {"script-src": ["'unsafe-eval'", "'unsafe-inline'"], "style-src": ["'unsafe-inline'"]},
        "/admin/": {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]},
    }


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_other_address_has_the_strict_policy(db, staff, address):
    client = Client(raise_request_exception=False)
    signed_in = Client(raise_request_exception=False)
    signed_in.force_login(staff.user)
    for each in (client, signed_in):
        policy = policy_of(each.get(address))
        if address.startswith("/portraits/"):
            assert policy == {"default-src": "'none'", "sandbox": ""}
        else:
            assert policy == STRICT


def test_the_console_may_evaluate_but_not_write_scripts_into_its_pages(db, staff):
    client = Client()
    loosened = STRICT | {"script-src": "'self' 'unsafe-eval'", "style-src": "'self' 'unsafe-inline'"}
    assert policy_of(client.get("/admin/login/")) == loosened
    client.force_login(staff.user)
    assert policy_of(client.get("/admin/")) == loosened
    assert policy_of(client.get("/admin/nothing/")) == loosened


def test_only_the_queue_monitor_may_do_that(db, staff):
    client = Client()
    client.force_login(staff.user)
    policy = policy_of(client.get("/admin/django_rq/dashboard/"))
    assert policy == STRICT | {
        "script-src": "'self' 'unsafe-eval' 'unsafe-inline'",
        "style-src": "'self' 'unsafe-inline'",
    }


@pytest.mark.parametrize(
    ("environment", "origins"),
    [
        ({}, ""),
        ({"CDN_BASE_URL": "https://cdn.troupe.example/files/"}, " https://cdn.troupe.example"),
        (S3, " https://troupe-files.s3.eu-central-1.amazonaws.com"),
        (S3 | {"S3_REGION": ""}, " https://troupe-files.s3.us-east-1.amazonaws.com"),
        (
            S3 | {"S3_ENDPOINT": "https://1.r2.example:8443/", "CDN_BASE_URL": "https://cdn.troupe.example"},
            " https://cdn.troupe.example https://1.r2.example:8443",
        ),
        (S3 | {"MEDIA_STORAGE": "local"}, " https://troupe-files.s3.eu-central-1.amazonaws.com"),
    ],
)
def test_files_may_be_shown_from_where_they_are_kept_and_nothing_else_may(run, production, environment, origins):
    ended = run(production | environment, "-c", PRINT_POLICY)
    assert ended.returncode == 0, ended.stderr
    policy = json.loads(ended.stdout)
    expected = {
        "img-src": f"'self' data: blob:{origins}",
        "media-src": f"'self'{origins}",
        "connect-src": f"'self'{origins}",
    }
    assert {name: " ".join(sources) for name, sources in policy.items()} == STRICT | expected


def test_the_page_of_the_api_takes_every_file_from_this_site(db):
    page = Client().get("/api/docs").content.decode()
    files = re.findall(r"(?:src|href)=\"(.+?)\"", page)
    assert len(files) > 4
    assert all(file.startswith("/") and not file.startswith("//") for file in files)
