"""`/webhooks/{provider}`: 200 exactly when a notification is taken; a forged one leaves nothing behind."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from billing import services
from billing.providers.base import Incoming
from common.errors import MethodNotAllowed, NotFound, PayloadTooLarge
from common.middleware import client_address
from common.ratelimits import Gate

BY_QUERY = {"trustpay"}  # whose older notifications are GETs


@csrf_exempt
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """Keeps what is signed as it should be, and has it worked off later."""
    if request.method != "POST" and not (request.method == "GET" and provider in BY_QUERY):
        raise MethodNotAllowed
    if provider not in settings.PAYMENT_PROVIDERS:
        raise NotFound
    Gate(who=client_address(request), preset="webhook").enter()
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise PayloadTooLarge from error
    headers = {name.lower(): value for name, value in request.headers.items()}
    services.receive_webhook(provider, Incoming(body, headers, request.GET.dict()))
    return HttpResponse()
