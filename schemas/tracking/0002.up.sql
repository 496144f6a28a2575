-- By reference: which template, an entity of a public catalogue, this agent reads its vocabulary
-- through. NULL: the agent has a copy of it, or needs none.
--
-- No foreign key, on purpose, as with the tracking columns: a publisher who deletes the entity must
-- neither be refused by a thousand tenants nor erase what they were installed from.
--
-- Safe to run twice. Where this release of the database keeps no entities by their types, there is
-- nothing to read by reference, and the column stays empty.

ALTER TABLE IF EXISTS agents ADD COLUMN IF NOT EXISTS template_entity_id bigint;

-- Most agents are not installed by reference, and never enter it.
DO $$
BEGIN
    IF to_regclass('agents') IS NOT NULL THEN
        CREATE INDEX IF NOT EXISTS agents_template_entity_idx
            ON agents (template_entity_id, organization_id)
            WHERE template_entity_id IS NOT NULL;
    END IF;
END
$$;
