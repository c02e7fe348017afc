"""People over REST: one's own profile and preferences, and what others see of a person."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import locales, names, selectors, services
from accounts.api.doors import UserOutput
from accounts.api.own_data import DeletesMe
from accounts.preferences import Theme, preferences_of
from accounts.web_sessions import remember_surroundings
from common.api import InputSerializer, TroupeView
from common.errors import ValidationProblem
from common.fields import Choice, Flag, Text
from common.rendering import Response

USERNAME = OpenApiParameter("username", {"type": "string", "pattern": names.SHAPE_SQL}, OpenApiParameter.PATH)
ANYBODY: Any = [{}, {"bearer": []}, {"cookie": []}]  # signing in is not needed


class Cleaned(Text):
    """A text as `clean` gives it back; a ValueError of that is what is wrong with it."""

    def __init__(self, clean: Callable[[str], str], **options: Any) -> None:
        super().__init__(required=False, **options)
        self.clean = clean

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return self.clean(text)
        except ValueError as error:
            raise serializers.ValidationError([str(error)]) from error


class ProfileChanges(InputSerializer):
    """What changes; the rest stays as it is."""

    username = Cleaned(names.clean_username, max_length=64)
    display_name = Cleaned(names.clean_display_name, max_length=80, allow_blank=True)
    bio = Text(max_length=2000, allow_blank=True, required=False)
    locale = Cleaned(locales.clean_locale, max_length=16, help_text="BCP 47: `en`, `de`, `pt-BR`.")
    timezone = Cleaned(locales.clean_timezone, max_length=64, help_text="An IANA name: `Europe/Berlin`.")
    avatar = Text(
        max_length=500,
        allow_null=True,
        allow_blank=True,
        required=False,
        help_text="`null` takes the picture off; a new one is uploaded (`POST /api/users/me/profile-picture`).",
    )


class PreferenceChanges(InputSerializer):
    """What changes; the rest stays as it is."""

    theme = Choice(choices=Theme.choices, required=False)
    mature = Flag(required=False, help_text="Lists show characters made for adults.")
    enter_sends = Flag(required=False, help_text="Enter sends a message; otherwise it begins a new line.")
    reduce_motion = Flag(required=False)
    show_last_seen = Flag(required=False, help_text="Others see when one was last here, to the hour.")
    marketing_mail = Flag(required=False, help_text="News by mail. Each change is kept as a consent.")


class PreferencesOutput(serializers.Serializer):
    theme = serializers.ChoiceField(choices=Theme.choices)
    mature = serializers.BooleanField()
    enter_sends = serializers.BooleanField()
    reduce_motion = serializers.BooleanField()
    show_last_seen = serializers.BooleanField()
    marketing_mail = serializers.BooleanField()


class PersonOutput(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    avatar = serializers.URLField(allow_null=True)


class PublicProfileOutput(PersonOutput):
    bio = serializers.CharField(allow_blank=True)
    is_creator = serializers.BooleanField()
    last_seen_at = serializers.DateTimeField(
        allow_null=True, help_text="To the hour, later to the day; null where the person does not show it."
    )
    created_at = serializers.DateTimeField()
    characters_amount = serializers.IntegerField(help_text="Public characters of theirs.")


class OwnProfileView(DeletesMe, TroupeView):
    @extend_schema(operation_id="users_me", responses={200: UserOutput})
    def get(self, request: Request) -> Response:
        """Who I am."""
        return Response(selectors.user_data(selectors.get_user(self.user_id)))

    @extend_schema(operation_id="users_me_update", request=ProfileChanges, responses={200: UserOutput})
    def patch(self, request: Request) -> Response:
        """Changes the fields given. The username can be changed once a day, and for 30 days nobody else gets the old
        one; one that is taken is a 409."""
        changes = self.valid(ProfileChanges, request)
        if "avatar" in changes:
            self._take_avatar(changes.pop("avatar"))
        user = services.update_profile(user_id=self.user_id, changes=changes)
        remember_surroundings(request, user)
        return Response(selectors.user_data(user))

    @extend_schema(operation_id="users_me_post", request=ProfileChanges, responses={200: UserOutput})
    def post(self, request: Request) -> Response:
        """The same as PATCH."""
        return self.patch(request)

    def _take_avatar(self, address: str | None) -> None:
        """`null` takes the picture off, and the address it has already changes nothing."""
        if not address:
            services.set_avatar(user_id=self.user_id, key="")
        elif address != selectors.user_data(selectors.get_user(self.user_id))["avatar"]:
            message = "Upload a picture with POST /api/users/me/profile-picture."
            raise ValidationProblem(errors={"avatar": [message]})


class PreferencesView(TroupeView):
    @extend_schema(operation_id="users_me_preferences", responses={200: PreferencesOutput})
    def get(self, request: Request) -> Response:
        """How the site behaves for me."""
        return Response(preferences_of(selectors.get_user(self.user_id)))

    @extend_schema(
        operation_id="users_me_update_preferences", request=PreferenceChanges, responses={200: PreferencesOutput}
    )
    def patch(self, request: Request) -> Response:
        """Changes the preferences given."""
        changes = self.valid(PreferenceChanges, request)
        return Response(preferences_of(services.update_preferences(user_id=self.user_id, changes=changes)))


class ProfileView(TroupeView):
    public = True

    @extend_schema(
        operation_id="users_profile", parameters=[USERNAME], responses={200: PublicProfileOutput}, auth=ANYBODY
    )
    def get(self, request: Request, username: str) -> Response:
        """A person as others see them. Where one of the two has blocked the other there is nobody: 404."""
        viewer_id = request.user.pk
        person = selectors.get_person(viewer_id=viewer_id, username=username)
        return Response(selectors.profile_data(person, viewer_id))
