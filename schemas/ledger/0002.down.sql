-- Back to the first version. Revisions keep their plans, so the way up tells them again; what is
-- forgotten for good is which rows were retired or released, and which columns were kept.
DROP INDEX IF EXISTS reconcile.revision_targets_idx, reconcile.revision_undoes_idx;

ALTER TABLE reconcile.revision
    DROP COLUMN IF EXISTS targets,
    DROP COLUMN IF EXISTS mode,
    DROP COLUMN IF EXISTS undoes,
    DROP COLUMN IF EXISTS installs,
    DROP COLUMN IF EXISTS actor_label,
    DROP COLUMN IF EXISTS template_name,
    DROP COLUMN IF EXISTS template_organization_slug;

ALTER TABLE reconcile.placement
    DROP COLUMN IF EXISTS state,
    DROP COLUMN IF EXISTS kept;

ALTER TABLE reconcile.placement
    DROP CONSTRAINT IF EXISTS placement_content_fkey,
    DROP CONSTRAINT IF EXISTS placement_revision_fkey,
    ADD CONSTRAINT placement_content_fkey FOREIGN KEY (content) REFERENCES reconcile.content (digest),
    ADD CONSTRAINT placement_revision_fkey FOREIGN KEY (revision) REFERENCES reconcile.revision (id);
ALTER TABLE reconcile.target
    DROP CONSTRAINT IF EXISTS target_revision_fkey,
    ADD CONSTRAINT target_revision_fkey FOREIGN KEY (revision) REFERENCES reconcile.revision (id);

UPDATE reconcile.setting SET value = '1' WHERE name = 'ledger_version' AND value = '2';
