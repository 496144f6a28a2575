"""Words for PostgreSQL: kinds in, statement trees out. Pure; nothing here is executed."""
