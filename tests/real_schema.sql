-- The real database, as a test has to expect it: the tables of schemas/reference.sql in the
-- LATER release, with everything around and inside them that a tool must live with although
-- nobody told it. Needs PostgreSQL 15 (UNIQUE NULLS NOT DISTINCT). The tracking columns are
-- absent, as they are on the day that somebody tries the tool for the first time.
--
-- Later release:
--   * watchers.organization_id is NOT NULL with a cascading foreign key,
--   * registry_* and source_* were there and are dropped (the catalog remembers the holes),
--   * watcher_versions.extraction_schema is nullable,
--   * NULLs are not distinct in the unique key of event_classifiers.
--
-- Harder than the reference:
--   * columns in another order, and between them columns that no kind lists: nullable ones,
--     NOT NULL ones with a default, a generated one; enum, domain, array, interval, range,
--     uuid, numeric and tsvector; names that must be quoted,
--   * a BEFORE UPDATE trigger that stamps updated_at on every table that has it, so that a
--     write that changes nothing still shows,
--   * one identity column that refuses explicit values,
--   * more CHECK constraints, more unique keys, foreign keys into tables that no kind knows
--     and from such tables into ours,
--   * a view, a partitioned table, and a second schema with a table of the same name.
-- Every NOT NULL column here that DATA-MODEL does not list has a default: what happens where
-- one has none is for each test to set up by itself.


-- Types -----------------------------------------------------------------------------------

CREATE TYPE review_state AS ENUM ('draft', 'in_review', 'published');
CREATE TYPE plan_tier AS ENUM ('free', 'team', 'enterprise');

CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN short_note AS text CHECK (char_length(VALUE) <= 2000);


-- Triggers --------------------------------------------------------------------------------
-- The clock, not the start of the transaction: two writes in one transaction differ.

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE FUNCTION touch_updated_at_camel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW."updatedAt" := clock_timestamp();
    RETURN NEW;
END
$$;


-- Tables that no kind knows, but that ours point at ---------------------------------------

CREATE TABLE billing_accounts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tier       plan_tier NOT NULL DEFAULT 'free',
    balance    numeric(14, 4) NOT NULL DEFAULT 0,
    currency   char(3) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ontologies (
    id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    iri     text NOT NULL UNIQUE,
    title   text NOT NULL,
    imports text[] NOT NULL DEFAULT '{}'
);


-- Organisations and people ----------------------------------------------------------------

CREATE TABLE organization (
    slug               text NOT NULL UNIQUE,
    name               text NOT NULL,
    id                 text PRIMARY KEY,
    "createdAt"        timestamptz NOT NULL,
    "updatedAt"        timestamptz DEFAULT now(),
    logo               text,
    metadata           text,
    visibility         text NOT NULL DEFAULT 'private',
    "retentionPeriod"  interval NOT NULL DEFAULT '400 days',
    billing_account_id uuid REFERENCES billing_accounts (id) ON DELETE SET NULL,
    description        text,
    CONSTRAINT organization_visibility_check CHECK (visibility IN ('public', 'private'))
);

CREATE TABLE "user" (
    email              text NOT NULL UNIQUE,
    id                 text PRIMARY KEY,
    username           text UNIQUE,
    name               text NOT NULL,
    image              text,
    locale             text NOT NULL DEFAULT 'en',
    "emailVerified"    boolean NOT NULL,
    "twoFactorEnabled" boolean NOT NULL DEFAULT false,
    banned             boolean DEFAULT false,
    "banReason"        short_note,
    "createdAt"        timestamptz NOT NULL,
    "updatedAt"        timestamptz NOT NULL
);

CREATE TABLE invitation (
    id               text PRIMARY KEY,
    "organizationId" text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    "inviterId"      text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    email            text NOT NULL,
    role             text,
    status           text NOT NULL DEFAULT 'pending',
    "expiresAt"      timestamptz NOT NULL
);

CREATE TABLE member (
    id               text PRIMARY KEY,
    role             text NOT NULL DEFAULT 'member',
    "userId"         text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    "organizationId" text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    "createdAt"      timestamptz NOT NULL,
    "updatedAt"      timestamptz DEFAULT now(),
    "invitationId"   text REFERENCES invitation (id) ON DELETE SET NULL,
    seat             percentage NOT NULL DEFAULT 100,
    UNIQUE ("organizationId", "userId")
);

CREATE TABLE projects (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    name            text NOT NULL,
    archived        boolean NOT NULL DEFAULT false,
    UNIQUE (organization_id, name)
);

CREATE TABLE connections (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    connector       text NOT NULL,
    secret_ref      text NOT NULL,
    last_seen       timestamptz
);

CREATE TABLE api_tokens (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    digest      bytea NOT NULL UNIQUE,
    scopes      text[] NOT NULL DEFAULT '{}',
    allowed_net inet,
    expires_at  timestamptz
);


-- Agents ----------------------------------------------------------------------------------

CREATE TABLE agents (
    id                 text PRIMARY KEY,
    template_agent_id  text REFERENCES agents (id) ON DELETE SET NULL,
    project_id         uuid REFERENCES projects (id) ON DELETE SET NULL,
    name               text NOT NULL DEFAULT 'Agent',
    description        text,
    avatar             text,
    organization_id    text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    owner_user_id      text,
    owner_platform     text,
    is_workspace_agent boolean DEFAULT false,
    model              text,
    temperature        numeric(3, 2) NOT NULL DEFAULT 0.70,
    model_params       jsonb NOT NULL DEFAULT '{}',
    model_fallbacks    jsonb NOT NULL DEFAULT '[]',
    persona            jsonb NOT NULL DEFAULT '{}',
    instructions       jsonb NOT NULL DEFAULT '[]',
    greeting           jsonb NOT NULL DEFAULT '{}',
    starter_prompts    jsonb NOT NULL DEFAULT '[]',
    voice_config       jsonb NOT NULL DEFAULT '{}',
    memory_config      jsonb NOT NULL DEFAULT '{"enabled": true}',
    retrieval_config   jsonb NOT NULL DEFAULT '{}',
    tools_config       jsonb NOT NULL DEFAULT '{}',
    skills_config      jsonb NOT NULL DEFAULT '{}',
    mcp_servers        jsonb NOT NULL DEFAULT '{}',
    channels           jsonb NOT NULL DEFAULT '[]',
    schedules          jsonb NOT NULL DEFAULT '[]',
    guardrails         jsonb NOT NULL DEFAULT '{}',
    approval_rules     jsonb NOT NULL DEFAULT '[]',
    network_policy     jsonb NOT NULL DEFAULT '{"mode": "deny"}',
    usage_limits       jsonb NOT NULL DEFAULT '{}',
    feature_flags      jsonb NOT NULL DEFAULT '{}',
    telemetry_config   jsonb NOT NULL DEFAULT '{}',
    state              review_state NOT NULL DEFAULT 'published',
    idle_timeout       interval NOT NULL DEFAULT '15 minutes',
    last_run_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agents_not_its_own_template CHECK (template_agent_id IS DISTINCT FROM id),
    CONSTRAINT agents_temperature_check CHECK (temperature BETWEEN 0 AND 2)
);


-- View templates --------------------------------------------------------------------------

CREATE TABLE view_templates (
    id              serial PRIMARY KEY,
    name            text NOT NULL,
    slug            text NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    theme           text NOT NULL DEFAULT 'plain',
    updated_at      timestamptz DEFAULT now(),
    created_at      timestamptz DEFAULT now(),
    UNIQUE (organization_id, slug)
);

CREATE TABLE view_template_versions (
    version          integer NOT NULL,
    id               serial PRIMARY KEY,
    view_template_id integer NOT NULL REFERENCES view_templates (id) ON DELETE CASCADE,
    layout           jsonb NOT NULL,
    preview          bytea,
    created_by       text REFERENCES "user" (id) ON DELETE SET NULL,
    created_at       timestamptz DEFAULT now(),
    UNIQUE (view_template_id, version)
);


-- Vocabulary ------------------------------------------------------------------------------

CREATE TABLE entity_types (
    organization_id                  text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    slug                             text NOT NULL,
    legacy_class                     text NOT NULL,
    id                               serial PRIMARY KEY,
    "order"                          integer NOT NULL DEFAULT 0,
    name                             text NOT NULL,
    "displayName"                    text,
    description                      text,
    metadata_schema                  jsonb,
    event_kinds                      jsonb,
    color                            text,
    icon                             text,
    labels                           text[] NOT NULL DEFAULT '{}',
    state                            review_state NOT NULL DEFAULT 'published',
    completeness                     percentage,
    "legacy note"                    text,
    external_ref                     uuid,
    ontology_id                      uuid REFERENCES ontologies (id) ON DELETE SET NULL,
    search                           tsvector GENERATED ALWAYS AS (
        to_tsvector('simple', name || ' ' || coalesce(description, ''))
    ) STORED,
    retention                        interval NOT NULL DEFAULT '10 years',
    current_view_template_version_id integer REFERENCES view_template_versions (id),
    updated_at                       timestamptz DEFAULT now(),
    updated_by                       text REFERENCES "user" (id) ON DELETE SET NULL,
    created_at                       timestamptz DEFAULT now(),
    created_by                       text REFERENCES "user" (id) ON DELETE SET NULL,
    deleted_at                       timestamptz,
    CONSTRAINT entity_types_slug_not_empty CHECK (slug <> ''),
    -- SQL NULL is "no schema"; a JSON null is somebody's mistake.
    CONSTRAINT entity_types_metadata_schema_check CHECK (jsonb_typeof(metadata_schema) = 'object'),
    CONSTRAINT entity_types_event_kinds_check CHECK (jsonb_typeof(event_kinds) = 'object'),
    CONSTRAINT entity_types_external_ref_key UNIQUE (external_ref)
);

-- Gone, but still in pg_attribute: NOT NULL, without a default, under a name of dots.
ALTER TABLE entity_types DROP COLUMN legacy_class;

CREATE UNIQUE INDEX entity_types_org_slug_unique
    ON entity_types (organization_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX entity_types_search_idx ON entity_types USING gin (search);

CREATE TABLE entity_relationship_types (
    status           text NOT NULL DEFAULT 'active',
    slug             text NOT NULL,
    id               serial PRIMARY KEY,
    organization_id  text NOT NULL REFERENCES organization (id),
    inverse_type_id  integer REFERENCES entity_relationship_types (id) ON DELETE SET NULL,
    is_symmetric     boolean NOT NULL DEFAULT false,
    is_transitive    boolean NOT NULL DEFAULT false,
    name             text NOT NULL,
    description      text,
    metadata_schema  jsonb,
    weight           numeric(10, 6) NOT NULL DEFAULT 1.0,
    cardinality      int4range NOT NULL DEFAULT '[0,)',
    external_ref     uuid UNIQUE,
    created_at       timestamptz DEFAULT now(),
    updated_at       timestamptz DEFAULT now(),
    deleted_at       timestamptz,
    created_by       text REFERENCES "user" (id) ON DELETE SET NULL,
    CONSTRAINT entity_relationship_types_status CHECK (status IN ('active', 'archived')),
    CONSTRAINT entity_relationship_types_weight CHECK (weight > 0),
    CONSTRAINT entity_relationship_types_one_way
        CHECK (NOT (is_symmetric AND inverse_type_id IS NOT NULL)),
    CONSTRAINT entity_relationship_types_schema CHECK (jsonb_typeof(metadata_schema) = 'object')
);

CREATE UNIQUE INDEX entity_relationship_types_org_slug_unique
    ON entity_relationship_types (organization_id, slug) WHERE status = 'active';

-- The one identity column. ALWAYS: an INSERT that brings an id of its own is an error.
CREATE TABLE entity_relationship_type_rules (
    relationship_type_id    integer NOT NULL
        REFERENCES entity_relationship_types (id) ON DELETE CASCADE,
    target_entity_type_slug text NOT NULL,
    source_entity_type_slug text NOT NULL,
    note                    short_note,
    max_targets             integer NOT NULL DEFAULT 0,
    created_at              timestamptz DEFAULT now(),
    deleted_at              timestamptz,
    updated_at              timestamptz DEFAULT now(),
    id                      integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT entity_relationship_type_rules_max_targets CHECK (max_targets >= 0)
);

CREATE INDEX entity_relationship_type_rules_by_type
    ON entity_relationship_type_rules (relationship_type_id);

CREATE TABLE entity_type_audit (
    id             serial PRIMARY KEY,
    created_at     timestamptz DEFAULT now(),
    action         text NOT NULL,
    actor          text REFERENCES "user" (id),
    entity_type_id integer NOT NULL REFERENCES entity_types (id),
    after_payload  jsonb,
    before_payload jsonb,
    client_address inet,
    CONSTRAINT entity_type_audit_action_check CHECK (action IN ('create', 'update', 'delete'))
);


-- The tenant's data -----------------------------------------------------------------------

CREATE TABLE entities (
    id              bigserial PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    project_id      uuid REFERENCES projects (id) ON DELETE SET NULL,
    slug            text NOT NULL,
    name            text NOT NULL,
    parent_id       bigint REFERENCES entities (id) ON DELETE RESTRICT,
    entity_type_id  integer NOT NULL REFERENCES entity_types (id),
    metadata        jsonb DEFAULT '{}',
    aliases         text[] NOT NULL DEFAULT '{}',
    importance      percentage NOT NULL DEFAULT 50,
    search          tsvector GENERATED ALWAYS AS (to_tsvector('simple', name)) STORED,
    created_by      text NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT entities_not_its_own_parent CHECK (parent_id IS DISTINCT FROM id)
);

CREATE UNIQUE INDEX entities_org_parent_slug_unique
    ON entities (organization_id, coalesce(parent_id, 0), slug);
CREATE INDEX entities_by_type ON entities (entity_type_id);

CREATE TABLE entity_relationships (
    id                   serial PRIMARY KEY,
    relationship_type_id integer NOT NULL
        REFERENCES entity_relationship_types (id) ON DELETE CASCADE,
    from_entity_id       bigint NOT NULL REFERENCES entities (id),
    to_entity_id         bigint NOT NULL REFERENCES entities (id),
    valid                tstzrange NOT NULL DEFAULT '(,)',
    organization_id      text NOT NULL REFERENCES organization (id),
    source               text,
    confidence           real,
    metadata             jsonb,
    created_by           text,
    updated_by           text,
    created_at           timestamptz DEFAULT now(),
    updated_at           timestamptz DEFAULT now(),
    deleted_at           timestamptz
);

CREATE TABLE entity_identities (
    id               bigserial PRIMARY KEY,
    namespace        text NOT NULL,
    identifier       text NOT NULL,
    entity_id        bigint NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    organization_id  text NOT NULL REFERENCES organization (id),
    connection_id    text REFERENCES connections (id) ON DELETE SET NULL,
    source_connector text,
    verified         boolean NOT NULL DEFAULT false,
    deleted_at       timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX entity_identities_live_unique
    ON entity_identities (organization_id, namespace, identifier) WHERE deleted_at IS NULL;


-- Watchers --------------------------------------------------------------------------------

CREATE TABLE watchers (
    organization_id          text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    watcher_group_id         integer NOT NULL,
    id                       serial PRIMARY KEY,
    agent_id                 text,
    registry_type            text,
    registry_repo            text,
    registry_ref             text,
    slug                     text,
    name                     text,
    description              text,
    status                   text DEFAULT 'active',
    schedule                 text,
    timezone                 text NOT NULL DEFAULT 'UTC',
    next_run_at              timestamptz,
    model_config             jsonb DEFAULT '{}',
    sources                  jsonb DEFAULT '[]',
    reaction_script          text,
    reaction_script_compiled text,
    version                  integer DEFAULT 1,
    tags                     text[] DEFAULT '{}',
    current_version_id       integer,
    connection_id            text,
    scheduler_client_id      text,
    entity_ids               bigint[],
    project_id               uuid REFERENCES projects (id) ON DELETE SET NULL,
    budget                   numeric(12, 2) NOT NULL DEFAULT 0.00,
    max_runtime              interval NOT NULL DEFAULT '1 hour',
    source_watcher_id        integer,
    created_by               text NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
    created_at               timestamptz DEFAULT now(),
    updated_at               timestamptz DEFAULT now(),
    CONSTRAINT watchers_status CHECK (status IN ('active', 'archived')),
    CONSTRAINT watchers_budget CHECK (budget >= 0),
    CONSTRAINT watchers_sources CHECK (jsonb_typeof(sources) = 'array')
);

ALTER TABLE watchers
    DROP COLUMN registry_type,
    DROP COLUMN registry_repo,
    DROP COLUMN registry_ref;

CREATE UNIQUE INDEX watchers_org_slug_unique
    ON watchers (organization_id, slug) WHERE slug IS NOT NULL;

CREATE TABLE watcher_versions (
    watcher_id                integer REFERENCES watchers (id) ON DELETE CASCADE,
    version                   integer NOT NULL,
    id                        serial PRIMARY KEY,
    source_repository         text,
    source_ref                text,
    source_commit_sha         text,
    source_path               text,
    name                      text NOT NULL,
    prompt                    text NOT NULL,
    description               text,
    change_notes              text,
    extraction_schema         jsonb,
    sources_schema            jsonb,
    version_sources           jsonb,
    keying_config             jsonb,
    json_template             jsonb,
    classifiers               jsonb,
    required_source_types     text[] NOT NULL,
    recommended_source_types  text[] NOT NULL,
    state                     review_state NOT NULL DEFAULT 'published',
    prompt_length             integer GENERATED ALWAYS AS (char_length(prompt)) STORED,
    reactions_guidance        text,
    condensation_prompt       text,
    condensation_window_count integer DEFAULT 4,
    approved_by               text REFERENCES "user" (id) ON DELETE SET NULL,
    created_by                text NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
    created_at                timestamptz DEFAULT now(),
    UNIQUE (watcher_id, version),
    CONSTRAINT watcher_versions_from_one CHECK (version >= 1)
);

ALTER TABLE watcher_versions
    DROP COLUMN source_repository,
    DROP COLUMN source_ref,
    DROP COLUMN source_commit_sha,
    DROP COLUMN source_path;

ALTER TABLE watchers
    ADD FOREIGN KEY (current_version_id) REFERENCES watcher_versions (id) ON DELETE SET NULL;

CREATE TABLE watcher_windows (
    id           bigserial PRIMARY KEY,
    version_id   integer NOT NULL REFERENCES watcher_versions (id),
    watcher_id   integer NOT NULL REFERENCES watchers (id) ON DELETE CASCADE,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    content      jsonb,
    cost         numeric(12, 6) NOT NULL DEFAULT 0,
    created_at   timestamptz DEFAULT now(),
    CONSTRAINT watcher_windows_order CHECK (window_end > window_start)
);

CREATE TABLE watcher_runs (
    id          bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    watcher_id  integer NOT NULL REFERENCES watchers (id) ON DELETE CASCADE,
    window_id   bigint REFERENCES watcher_windows (id) ON DELETE SET NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    outcome     text
);


-- Classifiers -----------------------------------------------------------------------------

CREATE TABLE event_classifiers (
    attribute_key   text NOT NULL,
    slug            text NOT NULL,
    id              serial PRIMARY KEY,
    watcher_id      bigint,
    entity_id       bigint REFERENCES entities (id) ON DELETE CASCADE,
    entity_ids      bigint[],
    organization_id text REFERENCES organization (id),
    name            text NOT NULL,
    description     text,
    status          text DEFAULT 'active',
    priority        smallint NOT NULL DEFAULT 100,
    languages       text[] NOT NULL DEFAULT '{en}',
    created_by      text NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),
    CONSTRAINT event_classifiers_status CHECK (status IN ('active', 'deprecated')),
    -- Without the organisation: one organisation-wide slug is taken for everybody.
    CONSTRAINT event_classifiers_scope_slug_unique
        UNIQUE NULLS NOT DISTINCT (entity_id, watcher_id, slug),
    CONSTRAINT event_classifiers_watcher_cascade
        FOREIGN KEY (watcher_id) REFERENCES watchers (id) ON DELETE CASCADE,
    CONSTRAINT event_classifiers_watcher_set_null
        FOREIGN KEY (watcher_id) REFERENCES watchers (id) ON DELETE SET NULL
);

CREATE TABLE event_classifier_versions (
    classifier_id     integer NOT NULL REFERENCES event_classifiers (id) ON DELETE CASCADE,
    is_current        boolean DEFAULT false,
    version           integer NOT NULL,
    id                serial PRIMARY KEY,
    attribute_values  jsonb NOT NULL,
    fallback_value    text,
    preferred_model   text,
    min_similarity    numeric(5, 4) DEFAULT 0.7,
    extraction_config jsonb,
    precision_target  percentage NOT NULL DEFAULT 90,
    change_notes      text,
    created_at        timestamptz DEFAULT now(),
    created_by        text NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT,
    UNIQUE (classifier_id, version),
    CONSTRAINT event_classifier_versions_similarity CHECK (min_similarity BETWEEN 0 AND 1)
);

CREATE UNIQUE INDEX event_classifier_versions_one_current
    ON event_classifier_versions (classifier_id) WHERE is_current;


-- Unrelated to any kind, and some of it points at our rows --------------------------------

CREATE TABLE events (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    occurred_at     timestamptz NOT NULL,
    organization_id text NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    kind            text NOT NULL,
    payload         jsonb NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);

CREATE TABLE events_2026 PARTITION OF events
    FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE events_other PARTITION OF events DEFAULT;

CREATE TABLE event_classifications (
    event_id              bigint NOT NULL,
    occurred_at           timestamptz NOT NULL,
    classifier_version_id integer NOT NULL REFERENCES event_classifier_versions (id),
    value                 text NOT NULL,
    similarity            numeric(5, 4),
    PRIMARY KEY (event_id, occurred_at, classifier_version_id),
    FOREIGN KEY (event_id, occurred_at) REFERENCES events (id, occurred_at) ON DELETE CASCADE
);

-- A type that somebody pinned cannot be deleted from under the pin.
CREATE TABLE pinned_types (
    user_id        text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    entity_type_id integer NOT NULL REFERENCES entity_types (id) ON DELETE RESTRICT,
    position       integer NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, entity_type_id)
);

CREATE VIEW live_entity_types AS
    SELECT id, organization_id, slug, name
      FROM entity_types
     WHERE deleted_at IS NULL;

-- The same name in another schema, with other columns, one of them NOT NULL without a
-- default: whoever reads the catalog by table name alone finds this one too.
CREATE SCHEMA archive;

CREATE TABLE archive.entity_types (
    id              integer NOT NULL,
    slug            text NOT NULL,
    organization_id text NOT NULL,
    metadata_schema text,
    archived_at     timestamptz NOT NULL,
    reason          text NOT NULL
);

CREATE UNIQUE INDEX entity_types_slug_unique ON archive.entity_types (slug);


-- Stamps ----------------------------------------------------------------------------------

CREATE TRIGGER organization_touch BEFORE UPDATE ON organization
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at_camel();
CREATE TRIGGER user_touch BEFORE UPDATE ON "user"
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at_camel();
CREATE TRIGGER member_touch BEFORE UPDATE ON member
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at_camel();
CREATE TRIGGER agents_touch BEFORE UPDATE ON agents
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER view_templates_touch BEFORE UPDATE ON view_templates
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER entity_types_touch BEFORE UPDATE ON entity_types
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER entity_relationship_types_touch BEFORE UPDATE ON entity_relationship_types
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER entity_relationship_type_rules_touch BEFORE UPDATE ON entity_relationship_type_rules
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER entities_touch BEFORE UPDATE ON entities
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER entity_relationships_touch BEFORE UPDATE ON entity_relationships
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER entity_identities_touch BEFORE UPDATE ON entity_identities
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER watchers_touch BEFORE UPDATE ON watchers
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER event_classifiers_touch BEFORE UPDATE ON event_classifiers
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
