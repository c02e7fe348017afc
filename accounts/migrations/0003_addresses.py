from django.db import migrations

# Every person has a row in allauth's table of addresses, which knows whether theirs is confirmed.
COPY = """
INSERT INTO account_emailaddress (user_id, email, verified, "primary")
SELECT id, lower(email), email_verified, true FROM accounts_user
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_people"), ("account", "0009_emailaddress_unique_primary_email")]

    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
