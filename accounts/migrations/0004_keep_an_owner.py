from django.db import migrations

# An organisation that is not deleted always has an owner. Looked at when the transaction ends, so that ownership can
# be handed over within one. Two that each take an owner away at the same time would not see each other's work: whoever
# comes second waits for the organisation's row and then reads what the first has left.
KEEP_AN_OWNER = """
CREATE FUNCTION accounts_keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM accounts_organization
  WHERE id = OLD.organization_id AND deleted_at IS NULL AND NOT personal
  FOR NO KEY UPDATE;
  IF FOUND AND NOT EXISTS (
    SELECT 1 FROM accounts_membership WHERE organization_id = OLD.organization_id AND role = 'owner'
  ) THEN
    RAISE EXCEPTION 'an organisation always has an owner'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_has_an_owner', TABLE = 'accounts_membership';
  END IF;
  RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER organization_has_an_owner
AFTER DELETE OR UPDATE OF role, organization_id ON accounts_membership
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (OLD.role = 'owner')
EXECUTE FUNCTION accounts_keep_an_owner();
"""
LET_GO = """
DROP TRIGGER organization_has_an_owner ON accounts_membership;
DROP FUNCTION accounts_keep_an_owner();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_addresses")]

    operations = [migrations.RunSQL(KEEP_AN_OWNER, LET_GO)]
