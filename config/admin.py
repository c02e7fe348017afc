"""What Django registers by itself and this console has no use for: here a role says what staff may do, not a group."""

import django.contrib.auth.admin  # noqa: F401 - registers what is taken back below
from django.contrib import admin
from django.contrib.auth.models import Group

import common.mail.admin  # noqa: F401 - Django finds the admin of an app by its name, and this is of a part of one

admin.site.unregister(Group)
admin.site.index_title = "Overview"
