"""What Django's models can't say: entries are append-only, and wallets leave room for their next versions."""

from django.db import migrations

FORBID_CHANGE = """
CREATE FUNCTION billing_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the ledger are never changed or deleted' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER billing_entry_append_only BEFORE UPDATE OR DELETE ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION billing_entry_is_append_only();
"""
ALLOW_CHANGE = """
DROP TRIGGER billing_entry_append_only ON billing_entry;
DROP FUNCTION billing_entry_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(FORBID_CHANGE, ALLOW_CHANGE),
        # a wallet is rewritten by every movement: with room on its page that touches no index
        migrations.RunSQL(
            "ALTER TABLE billing_wallet SET (fillfactor = 50)", "ALTER TABLE billing_wallet RESET (fillfactor)"
        ),
    ]
