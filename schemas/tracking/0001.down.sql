-- Removes the tracking columns. The rows that templates placed stay where they are, but
-- nothing in them says any longer who placed them: to the next plan they all look written by
-- the tenant's own people.
--
-- Safe to run twice, and where a table or a column is not there.

DROP INDEX IF EXISTS
    entity_types_managed_by_idx,
    entity_relationship_types_managed_by_idx,
    event_classifiers_managed_by_idx,
    watchers_managed_by_idx,
    view_templates_managed_by_idx;

ALTER TABLE IF EXISTS view_templates
    DROP COLUMN IF EXISTS managed_by_template_agent_id,
    DROP COLUMN IF EXISTS source_template_org_id;

ALTER TABLE IF EXISTS watchers
    DROP COLUMN IF EXISTS managed_by_template_agent_id,
    DROP COLUMN IF EXISTS source_template_org_id;

ALTER TABLE IF EXISTS event_classifiers
    DROP COLUMN IF EXISTS managed_by_template_agent_id,
    DROP COLUMN IF EXISTS source_template_org_id;

ALTER TABLE IF EXISTS entity_relationship_types
    DROP COLUMN IF EXISTS managed_by_template_agent_id,
    DROP COLUMN IF EXISTS source_template_org_id;

ALTER TABLE IF EXISTS entity_types
    DROP COLUMN IF EXISTS managed_by_template_agent_id,
    DROP COLUMN IF EXISTS source_template_org_id;
