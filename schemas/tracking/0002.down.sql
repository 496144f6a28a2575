-- Removes what says that an agent reads its vocabulary by reference. The catalogues stay, and so do
-- the tenants' rows that point into them; but nothing says any longer which catalogues an agent reads.
-- `reconcile plan --convert copy` for every such tenant comes first.
--
-- Safe to run twice, and where the table or the column is not there.

DROP INDEX IF EXISTS agents_template_entity_idx;

ALTER TABLE IF EXISTS agents DROP COLUMN IF EXISTS template_entity_id;
