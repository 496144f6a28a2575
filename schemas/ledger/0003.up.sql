-- Which revisions belong together, because one plan was applied in waves.
--
-- Safe to run twice, and on a ledger of a later version.

--   part_of  the plan_id of the plan that was reviewed, where this revision's is a part of it;
--            NULL where the plan was applied at once
ALTER TABLE reconcile.revision ADD COLUMN IF NOT EXISTS part_of text;

CREATE INDEX IF NOT EXISTS revision_part_of_idx ON reconcile.revision (part_of)
    WHERE part_of IS NOT NULL;

-- A re-sync writes rows again that have just been written: with room beside them they stay on
-- their pages, and their index need not be told.
ALTER TABLE reconcile.placement SET (fillfactor = 85);
ALTER TABLE reconcile.target SET (fillfactor = 70);

UPDATE reconcile.setting SET value = '3' WHERE name = 'ledger_version' AND value = '2';
