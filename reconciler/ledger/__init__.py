"""The ledger: what was applied, in the schema `reconcile` of the same database."""
