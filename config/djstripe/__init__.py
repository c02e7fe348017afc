"""Migrations of dj-stripe's tables as the pinned version has them: see MIGRATION_MODULES in the settings."""
