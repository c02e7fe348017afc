"""Every write of media."""
