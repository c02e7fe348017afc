"""The operators' console of people, organisations, sign-ins and keys."""

from accounts.admin import api_keys, favourites, organizations, own_data, people, sign_in  # noqa: F401  # they register themselves
