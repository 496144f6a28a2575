-- Back to the second version: which revisions are waves of one plan is forgotten. What they did is
-- not; but a plan that was applied in part cannot be gone on with, and is made anew.
DROP INDEX IF EXISTS reconcile.revision_part_of_idx;

ALTER TABLE reconcile.placement RESET (fillfactor);
ALTER TABLE reconcile.target RESET (fillfactor);
ALTER TABLE reconcile.revision DROP COLUMN IF EXISTS part_of;

UPDATE reconcile.setting SET value = '2' WHERE name = 'ledger_version' AND value = '3';
