"""What Django registers by itself and this console has no use for: here a role says what staff may do, not a group."""

from django.contrib import admin
from django.contrib.auth.admin import Group

admin.site.unregister(Group)
admin.site.index_title = "Overview"
