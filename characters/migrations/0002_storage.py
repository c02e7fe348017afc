"""How PostgreSQL keeps the two tables that change most.

Folding counters updates no indexed column, so it stays within the page if the page has room. Counter deltas live for
seconds; without frequent vacuums their index would be mostly dead entries.
"""

from django.db import migrations

SET = """
ALTER TABLE characters_character SET (fillfactor = 90);
ALTER TABLE characters_counterdelta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
"""
RESET = """
ALTER TABLE characters_character RESET (fillfactor);
ALTER TABLE characters_counterdelta RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
"""


class Migration(migrations.Migration):
    dependencies = [("characters", "0001_initial")]

    operations = [migrations.RunSQL(SET, RESET)]
