"""How the journal's tables came to be, version by version (Alembic, run by `licet.audit.database`)."""
