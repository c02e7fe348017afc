"""`POST /webhooks/resend`: the signature and the reading of an event are anymail's, the answers are the contract's."""

from typing import Any

from anymail.webhooks.resend import ResendTrackingWebhookView
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from common.errors import MethodNotAllowed, NotFound, PayloadTooLarge, ValidationProblem
from common.mail.following import is_told, record


class ResendWebhookView(ResendTrackingWebhookView):
    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        raise MethodNotAllowed

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """200 for what is taken in, was before, or is none of ours; 400 for what nobody signed or can read."""
        try:
            self.run_validators(request)
            events = self.parse_events(request)
        except RequestDataTooBig as error:
            raise PayloadTooLarge from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValidationProblem("This event could not be read.") from error
        for event in filter(is_told, events):
            if not event.event_id or not isinstance(event.message_id, str):
                raise ValidationProblem("This event does not say what it is about.")
            record(event)
        return HttpResponse()


_view = ResendWebhookView.as_view()


@csrf_exempt
def resend(request: HttpRequest) -> HttpResponseBase:
    """Not there as long as there is no secret to check a signature with."""
    if "RESEND_SIGNING_SECRET" not in settings.ANYMAIL:
        raise NotFound
    return _view(request)


urlpatterns = [path("webhooks/resend", resend, name="resend_webhook")]
