"""The site's password hash at its cheapest: the same format, and a thousand sign-ups don't take minutes."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8
    parallelism = 1
