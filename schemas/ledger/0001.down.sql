-- Forgets what was applied: rows stay as they are, but their base values and history are gone.
DROP SCHEMA IF EXISTS reconcile CASCADE;
