-- What became of a placed row, and what there is to say of a revision without reading its plan.
--
-- Safe to run twice, and on a ledger of a later version.

--   state  placed    it stands there as a row of the template's
--          retired   a plan retired it
--          released  a plan gave it to the tenant
--   kept   columns of the template's that keep the tenant's values, since the row was adopted
--          as it was
ALTER TABLE reconcile.placement
    ADD COLUMN IF NOT EXISTS state text NOT NULL DEFAULT 'placed'
        CHECK (state IN ('placed', 'retired', 'released')),
    ADD COLUMN IF NOT EXISTS kept text[] NOT NULL DEFAULT '{}';

-- What a placement refers to is written in its own transaction, before it: checking that again,
-- row by row, took a sixth of a first install.
ALTER TABLE reconcile.placement
    DROP CONSTRAINT IF EXISTS placement_content_fkey,
    DROP CONSTRAINT IF EXISTS placement_revision_fkey;
ALTER TABLE reconcile.target DROP CONSTRAINT IF EXISTS target_revision_fkey;

--   targets   the ids of the organisations that the plan was for
--   mode      what was asked for: sync, destroy, release, undo
--   undoes    the revision that this one undid
--   installs  to how many of the targets the template was new
-- A plan has megabytes, and PostgreSQL cannot look into one that holds a NUL escape: so what
-- `reconcile history` shows stands beside it.
ALTER TABLE reconcile.revision
    ADD COLUMN IF NOT EXISTS targets text[],
    ADD COLUMN IF NOT EXISTS mode text NOT NULL DEFAULT 'sync',
    ADD COLUMN IF NOT EXISTS undoes bigint REFERENCES reconcile.revision (id),
    ADD COLUMN IF NOT EXISTS installs integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS actor_label text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS template_name text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS template_organization_slug text NOT NULL DEFAULT '';

-- Revisions of the first version say it in their plans; those of a later one that was taken back to
-- the first have a table of targets there, with the id first and the agent fifth. Escapes that PostgreSQL refuses to read
-- (NUL, half a surrogate pair) are read as the replacement character; none stands in an id.
UPDATE reconcile.revision AS r
SET targets = CASE json_typeof(p.targets)
        WHEN 'array' THEN ARRAY(
            SELECT one #>> '{organization,id}' FROM json_array_elements(p.targets) AS one ORDER BY 1
        )
        ELSE ARRAY(
            SELECT one ->> 0 FROM json_array_elements(p.targets -> 'rows') AS one ORDER BY 1
        )
    END,
    mode = coalesce(p.request ->> 'mode', 'sync'),
    undoes = (p.request ->> 'revision')::bigint,
    installs = CASE json_typeof(p.targets)
        WHEN 'array' THEN (
            SELECT count(*) FROM json_array_elements(p.targets) AS one
            WHERE one ->> 'agent_id' IS NULL
        )
        ELSE (
            SELECT count(*) FROM json_array_elements(p.targets -> 'rows') AS one
            WHERE one ->> 4 IS NULL
        )
    END,
    actor_label = p.actor ->> 'label',
    template_name = p.template ->> 'name',
    template_organization_slug = p.template #>> '{organization,slug}'
FROM reconcile.revision AS told
CROSS JOIN LATERAL json_to_record(
    CASE WHEN told.plan::text ~* '\\u(0000|d[89a-f][0-9a-f]{2})'
         THEN regexp_replace(
             told.plan::text, '(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})', '\1\\ufffd', 'gi'
         )::json
         ELSE told.plan
    END
) AS p (targets json, request json, actor json, template json)
WHERE told.id = r.id AND r.targets IS NULL;

ALTER TABLE reconcile.revision ALTER COLUMN targets SET NOT NULL;

CREATE INDEX IF NOT EXISTS revision_targets_idx ON reconcile.revision USING gin (targets);
CREATE INDEX IF NOT EXISTS revision_undoes_idx ON reconcile.revision (undoes)
    WHERE undoes IS NOT NULL;

UPDATE reconcile.setting SET value = '2' WHERE name = 'ledger_version' AND value = '1';
