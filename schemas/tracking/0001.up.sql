-- Tracking columns: which template put this row here.
--
--   managed_by_template_agent_id   the template agent that owns the row
--   source_template_org_id         the organisation whose template it was copied from
--
-- NULL in both: the tenant's own people wrote the row, and no mirror may touch it.
--
-- Neither column has a foreign key, on purpose. A template agent or its organisation can be
-- deleted while its rows live on in a hundred tenants, and each of those rows must still say
-- whose it was. A key would refuse the deletion, or erase the answer.
--
-- Safe to run twice. A table that this release of the database does not have is passed over.
-- New nullable columns rewrite no table; the locks last as long as the transaction.

ALTER TABLE IF EXISTS entity_types
    ADD COLUMN IF NOT EXISTS managed_by_template_agent_id text,
    ADD COLUMN IF NOT EXISTS source_template_org_id text;

ALTER TABLE IF EXISTS entity_relationship_types
    ADD COLUMN IF NOT EXISTS managed_by_template_agent_id text,
    ADD COLUMN IF NOT EXISTS source_template_org_id text;

ALTER TABLE IF EXISTS event_classifiers
    ADD COLUMN IF NOT EXISTS managed_by_template_agent_id text,
    ADD COLUMN IF NOT EXISTS source_template_org_id text;

ALTER TABLE IF EXISTS watchers
    ADD COLUMN IF NOT EXISTS managed_by_template_agent_id text,
    ADD COLUMN IF NOT EXISTS source_template_org_id text;

-- View templates differ between platforms: only where each belongs to an organisation and has a
-- slug can it be mirrored, and is worth tracking.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_attribute
        WHERE attrelid = to_regclass('view_templates') AND NOT attisdropped
          AND attname IN ('organization_id', 'slug')) = 2 THEN
        ALTER TABLE view_templates
            ADD COLUMN IF NOT EXISTS managed_by_template_agent_id text,
            ADD COLUMN IF NOT EXISTS source_template_org_id text;
    END IF;
END
$$;

-- One partial index a table. Most rows are the tenants' own and never enter it. The owner
-- comes first ("everything that this template manages"), the organisation second ("... here").
-- CREATE INDEX knows no IF EXISTS for its table, hence the block.
DO $$
DECLARE
    managed text;
BEGIN
    FOREACH managed IN ARRAY ARRAY[
        'entity_types', 'entity_relationship_types', 'event_classifiers', 'watchers',
        'view_templates'
    ] LOOP
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(managed)
                   AND attname = 'managed_by_template_agent_id' AND NOT attisdropped) THEN
            EXECUTE format(
                'CREATE INDEX IF NOT EXISTS %I ON %I'
                ' (managed_by_template_agent_id, organization_id)'
                ' WHERE managed_by_template_agent_id IS NOT NULL',
                managed || '_managed_by_idx', managed
            );
        END IF;
    END LOOP;
END
$$;
