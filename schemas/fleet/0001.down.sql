-- What was applied stays applied, and in the ledger; what waits is forgotten.
DROP SCHEMA IF EXISTS reconcile_fleet CASCADE;
