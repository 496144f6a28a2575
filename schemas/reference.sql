-- The reference database: a multi-tenant agent platform, as far as templates reach into it.
--
-- Runs as one script in an empty database, PostgreSQL 14 or later, and needs no extension.
-- Names are unqualified, so they land in the first schema of the search path (`public`).
--
-- Releases of the platform differ. Where they do, this file follows the EARLIER one:
--   * watchers.organization_id is nullable and has no foreign key,
--   * watchers still has registry_*, watcher_versions still has source_*,
--   * watcher_versions.extraction_schema is NOT NULL,
--   * NULLs are distinct in the unique key of event_classifiers,
-- with one exception: entities point at their type by entity_type_id, as in the later
-- release, because only then can a tenant's row use a type that another organisation owns.
--
-- The tracking columns are not here. tracking/0001.up.sql adds them, to this database as to
-- any other. The foreign keys that would form a circle stand where their second table does.
--
-- Tables come in the order in which they can be filled: organisations and people, agents,
-- view templates, vocabulary, the tenant's data, watchers, classifiers.


-- Organisations and people ----------------------------------------------------------------
-- These three keep the camelCase of the login library that owns them, hence the quotes.

CREATE TABLE organization (
    id          text        NOT NULL,
    name        text        NOT NULL,
    slug        text        NOT NULL,
    metadata    text,                                  -- JSON as text, the library's choice
    description text,
    visibility  text        NOT NULL DEFAULT 'private',  -- 'public' | 'private', unchecked
    "createdAt" timestamptz NOT NULL,

    CONSTRAINT organization_pkey PRIMARY KEY (id),
    CONSTRAINT organization_slug_key UNIQUE (slug)
);

CREATE TABLE "user" (
    id              text        NOT NULL,
    name            text        NOT NULL,
    email           text        NOT NULL,
    "emailVerified" boolean     NOT NULL,
    image           text,
    username        text,
    "createdAt"     timestamptz NOT NULL,
    "updatedAt"     timestamptz NOT NULL,

    CONSTRAINT user_pkey PRIMARY KEY (id),
    CONSTRAINT user_email_key UNIQUE (email),
    CONSTRAINT user_username_key UNIQUE (username)
);

CREATE TABLE member (
    id               text        NOT NULL,
    "organizationId" text        NOT NULL,
    "userId"         text        NOT NULL,
    -- One cell can hold several roles, comma-separated ('member, admin'), so that no CHECK
    -- can list the allowed values.
    role             text        NOT NULL DEFAULT 'member',
    "createdAt"      timestamptz NOT NULL,

    CONSTRAINT member_pkey PRIMARY KEY (id),
    CONSTRAINT member_organization_user_key UNIQUE ("organizationId", "userId"),
    CONSTRAINT member_organization_fkey FOREIGN KEY ("organizationId")
        REFERENCES organization (id) ON DELETE CASCADE,
    CONSTRAINT member_user_fkey FOREIGN KEY ("userId")
        REFERENCES "user" (id) ON DELETE CASCADE
);


-- Agents ----------------------------------------------------------------------------------
-- An installed agent reads its settings through template_agent_id at run time. That is why
-- an install copies none of them, and why each has a default.
-- Nothing makes (organization_id, template_agent_id) unique: two installs at the same moment
-- can both insert, so whoever installs has to hold a lock.

CREATE TABLE agents (
    id                 text        NOT NULL,
    organization_id    text        NOT NULL,
    name               text        NOT NULL DEFAULT 'Agent',
    description        text,
    owner_platform     text,
    owner_user_id      text,
    template_agent_id  text,
    is_workspace_agent boolean     DEFAULT false,
    model              text,

    -- who it is and how it speaks
    persona            jsonb       NOT NULL DEFAULT '{}',
    instructions       jsonb       NOT NULL DEFAULT '[]',
    greeting           jsonb       NOT NULL DEFAULT '{}',
    starter_prompts    jsonb       NOT NULL DEFAULT '[]',
    voice_config       jsonb       NOT NULL DEFAULT '{}',
    -- what it thinks with
    model_params       jsonb       NOT NULL DEFAULT '{}',
    model_fallbacks    jsonb       NOT NULL DEFAULT '[]',
    memory_config      jsonb       NOT NULL DEFAULT '{"enabled": true}',
    retrieval_config   jsonb       NOT NULL DEFAULT '{}',
    -- what it can do
    tools_config       jsonb       NOT NULL DEFAULT '{}',
    skills_config      jsonb       NOT NULL DEFAULT '{}',
    mcp_servers        jsonb       NOT NULL DEFAULT '{}',
    channels           jsonb       NOT NULL DEFAULT '[]',
    schedules          jsonb       NOT NULL DEFAULT '[]',
    -- what it must not do
    guardrails         jsonb       NOT NULL DEFAULT '{}',
    approval_rules     jsonb       NOT NULL DEFAULT '[]',
    network_policy     jsonb       NOT NULL DEFAULT '{"mode": "deny"}',
    usage_limits       jsonb       NOT NULL DEFAULT '{}',
    -- how it is run
    feature_flags      jsonb       NOT NULL DEFAULT '{}',
    telemetry_config   jsonb       NOT NULL DEFAULT '{}',

    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agents_pkey PRIMARY KEY (id),
    CONSTRAINT agents_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) ON DELETE CASCADE,
    CONSTRAINT agents_template_agent_fkey FOREIGN KEY (template_agent_id)
        REFERENCES agents (id) ON DELETE SET NULL
);

CREATE INDEX agents_organization_idx ON agents (organization_id);
CREATE INDEX agents_template_agent_idx ON agents (template_agent_id);


-- View templates --------------------------------------------------------------------------
-- How an entity of some type is laid out on a page. An entity type points at the version in force.

CREATE TABLE view_templates (
    id              serial,
    organization_id text NOT NULL,
    slug            text NOT NULL,
    name            text NOT NULL,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),

    CONSTRAINT view_templates_pkey PRIMARY KEY (id),
    CONSTRAINT view_templates_organization_slug_key UNIQUE (organization_id, slug),
    CONSTRAINT view_templates_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) ON DELETE CASCADE
);

CREATE TABLE view_template_versions (
    id               serial,
    view_template_id integer NOT NULL,
    version          integer NOT NULL,
    layout           jsonb   NOT NULL,
    created_by       text,
    created_at       timestamptz DEFAULT now(),

    CONSTRAINT view_template_versions_pkey PRIMARY KEY (id),
    CONSTRAINT view_template_versions_version_key UNIQUE (view_template_id, version),
    CONSTRAINT view_template_versions_template_fkey FOREIGN KEY (view_template_id)
        REFERENCES view_templates (id) ON DELETE CASCADE,
    CONSTRAINT view_template_versions_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE SET NULL
);


-- Vocabulary: what a template ships -------------------------------------------------------
-- Slugs that begin with `$` are the platform's own; every organisation has its own row for
-- each of them, and no template ships one.

CREATE TABLE entity_types (
    id                               serial,
    slug                             text NOT NULL,
    name                             text NOT NULL,
    description                      text,
    icon                             text,
    color                            text,
    metadata_schema                  jsonb,  -- a JSON Schema for entities.metadata
    event_kinds                      jsonb,
    organization_id                  text NOT NULL,
    created_by                       text,
    updated_by                       text,
    deleted_at                       timestamptz,
    created_at                       timestamptz DEFAULT now(),
    updated_at                       timestamptz DEFAULT now(),
    current_view_template_version_id integer,

    CONSTRAINT entity_types_pkey PRIMARY KEY (id),
    CONSTRAINT entity_types_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) ON DELETE CASCADE,
    CONSTRAINT entity_types_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE SET NULL,
    CONSTRAINT entity_types_updated_by_fkey FOREIGN KEY (updated_by)
        REFERENCES "user" (id) ON DELETE SET NULL,
    CONSTRAINT entity_types_view_template_version_fkey
        FOREIGN KEY (current_view_template_version_id) REFERENCES view_template_versions (id)
);

-- A deleted type frees its slug.
CREATE UNIQUE INDEX entity_types_organization_slug_key
    ON entity_types (organization_id, slug) WHERE deleted_at IS NULL;

CREATE TABLE entity_relationship_types (
    id              serial,
    slug            text    NOT NULL,
    name            text    NOT NULL,
    description     text,
    metadata_schema jsonb,
    is_symmetric    boolean NOT NULL DEFAULT false,
    inverse_type_id integer,
    status          text    NOT NULL DEFAULT 'active',
    organization_id text    NOT NULL,
    created_by      text,
    deleted_at      timestamptz,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),

    CONSTRAINT entity_relationship_types_pkey PRIMARY KEY (id),
    CONSTRAINT entity_relationship_types_status_check CHECK (status IN ('active', 'archived')),
    CONSTRAINT entity_relationship_types_inverse_fkey FOREIGN KEY (inverse_type_id)
        REFERENCES entity_relationship_types (id) ON DELETE SET NULL,
    CONSTRAINT entity_relationship_types_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id),
    CONSTRAINT entity_relationship_types_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE SET NULL
);

-- A type is dead when it is archived OR deleted, but this key looks at the status alone:
-- deleted and still 'active', a row goes on blocking its slug.
CREATE UNIQUE INDEX entity_relationship_types_organization_slug_key
    ON entity_relationship_types (organization_id, slug) WHERE status = 'active';

-- Which types a relationship may join. Types are named by slug, not by id, and nothing keeps
-- a pair from being listed twice.
CREATE TABLE entity_relationship_type_rules (
    id                      serial,
    relationship_type_id    integer NOT NULL,
    source_entity_type_slug text    NOT NULL,
    target_entity_type_slug text    NOT NULL,
    deleted_at              timestamptz,
    created_at              timestamptz DEFAULT now(),
    updated_at              timestamptz DEFAULT now(),

    CONSTRAINT entity_relationship_type_rules_pkey PRIMARY KEY (id),
    CONSTRAINT entity_relationship_type_rules_type_fkey FOREIGN KEY (relationship_type_id)
        REFERENCES entity_relationship_types (id) ON DELETE CASCADE
);

CREATE INDEX entity_relationship_type_rules_type_idx
    ON entity_relationship_type_rules (relationship_type_id);

-- The platform keeps one row for every change that a person makes to a type by hand.
CREATE TABLE entity_type_audit (
    id             serial,
    entity_type_id integer NOT NULL,
    action         text    NOT NULL,  -- 'create' | 'update' | 'delete', unchecked
    actor          text,
    before_payload jsonb,
    after_payload  jsonb,
    created_at     timestamptz DEFAULT now(),

    CONSTRAINT entity_type_audit_pkey PRIMARY KEY (id),
    CONSTRAINT entity_type_audit_type_fkey FOREIGN KEY (entity_type_id)
        REFERENCES entity_types (id),
    CONSTRAINT entity_type_audit_actor_fkey FOREIGN KEY (actor)
        REFERENCES "user" (id)
);

CREATE INDEX entity_type_audit_type_idx ON entity_type_audit (entity_type_id);


-- The tenant's data -----------------------------------------------------------------------
-- Never written by a mirror, only counted: a type with entities is a type in use.

CREATE TABLE entities (
    id              bigserial,
    -- entity_types.id is one sequence over all organisations, so this may be a type that a
    -- public catalogue organisation owns.
    entity_type_id  integer NOT NULL,
    parent_id       bigint,
    name            text    NOT NULL,
    slug            text    NOT NULL,
    metadata        jsonb   DEFAULT '{}',
    organization_id text    NOT NULL,
    created_by      text    NOT NULL,
    deleted_at      timestamptz,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),

    CONSTRAINT entities_pkey PRIMARY KEY (id),
    CONSTRAINT entities_type_fkey FOREIGN KEY (entity_type_id)
        REFERENCES entity_types (id),
    CONSTRAINT entities_parent_fkey FOREIGN KEY (parent_id)
        REFERENCES entities (id) ON DELETE RESTRICT,
    CONSTRAINT entities_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) ON DELETE CASCADE,
    CONSTRAINT entities_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE RESTRICT
);

-- Siblings differ in their slugs; 0 stands for "no parent", because NULLs never collide.
CREATE UNIQUE INDEX entities_organization_parent_slug_key
    ON entities (organization_id, coalesce(parent_id, 0), slug);
CREATE INDEX entities_type_idx ON entities (entity_type_id);
CREATE INDEX entities_parent_idx ON entities (parent_id);

CREATE TABLE entity_relationships (
    id                   serial,
    organization_id      text    NOT NULL,
    from_entity_id       bigint  NOT NULL,
    to_entity_id         bigint  NOT NULL,
    relationship_type_id integer NOT NULL,
    metadata             jsonb,
    confidence           real,
    source               text,
    created_by           text,
    updated_by           text,
    deleted_at           timestamptz,
    created_at           timestamptz DEFAULT now(),
    updated_at           timestamptz DEFAULT now(),

    CONSTRAINT entity_relationships_pkey PRIMARY KEY (id),
    CONSTRAINT entity_relationships_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id),
    CONSTRAINT entity_relationships_from_fkey FOREIGN KEY (from_entity_id)
        REFERENCES entities (id),
    CONSTRAINT entity_relationships_to_fkey FOREIGN KEY (to_entity_id)
        REFERENCES entities (id),
    CONSTRAINT entity_relationships_type_fkey FOREIGN KEY (relationship_type_id)
        REFERENCES entity_relationship_types (id) ON DELETE CASCADE
);

CREATE INDEX entity_relationships_type_idx ON entity_relationships (relationship_type_id);
CREATE INDEX entity_relationships_from_idx ON entity_relationships (from_entity_id);
CREATE INDEX entity_relationships_to_idx ON entity_relationships (to_entity_id);

-- The names under which other systems know an entity (an e-mail address, a bank's own id).
CREATE TABLE entity_identities (
    id               bigserial,
    organization_id  text        NOT NULL,
    entity_id        bigint      NOT NULL,
    namespace        text        NOT NULL,
    identifier       text        NOT NULL,
    source_connector text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,

    CONSTRAINT entity_identities_pkey PRIMARY KEY (id),
    CONSTRAINT entity_identities_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id),
    CONSTRAINT entity_identities_entity_fkey FOREIGN KEY (entity_id)
        REFERENCES entities (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX entity_identities_organization_identifier_key
    ON entity_identities (organization_id, namespace, identifier) WHERE deleted_at IS NULL;
CREATE INDEX entity_identities_entity_idx ON entity_identities (entity_id);


-- Watchers --------------------------------------------------------------------------------
-- A watcher runs on a schedule, reads its sources and keeps what it finds in windows. What it
-- looks for is a version; the watcher points at the version in force.

CREATE TABLE watchers (
    -- The platform takes MAX(id) + 1 and leaves the sequence behind, so the next value of
    -- the sequence may be taken already.
    id                       serial,
    slug                     text,
    name                     text,
    description              text,
    status                   text    DEFAULT 'active',
    organization_id          text,
    model_config             jsonb   DEFAULT '{}',
    sources                  jsonb   DEFAULT '[]',  -- [{"name": ..., "query": SQL text}]
    reaction_script          text,
    reaction_script_compiled text,
    version                  integer DEFAULT 1,
    tags                     text[]  DEFAULT '{}',
    schedule                 text,                  -- cron
    next_run_at              timestamptz,           -- NULL: scheduled, but not running
    current_version_id       integer,
    agent_id                 text,
    connection_id            text,
    scheduler_client_id      text,
    entity_ids               bigint[],
    created_by               text    NOT NULL,
    source_watcher_id        integer,
    -- No default: a watcher that starts its own group carries its own id here.
    watcher_group_id         integer NOT NULL,
    registry_type            text,
    registry_repo            text,
    registry_ref             text,
    created_at               timestamptz DEFAULT now(),
    updated_at               timestamptz DEFAULT now(),

    CONSTRAINT watchers_pkey PRIMARY KEY (id),
    CONSTRAINT watchers_status_check CHECK (status IN ('active', 'archived')),
    CONSTRAINT watchers_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE RESTRICT
);

-- Not partial on the status: an archived watcher goes on blocking its slug.
CREATE UNIQUE INDEX watchers_organization_slug_key
    ON watchers (organization_id, slug) WHERE slug IS NOT NULL;

-- History. Windows point at version rows, so a row is never rewritten into another version.
CREATE TABLE watcher_versions (
    id                         serial,
    watcher_id                 integer,
    version                    integer NOT NULL,
    name                       text    NOT NULL,
    description                text,
    change_notes               text,
    prompt                     text    NOT NULL,
    extraction_schema          jsonb   NOT NULL,
    sources_schema             jsonb,
    keying_config              jsonb,
    json_template              jsonb,
    classifiers                jsonb,
    version_sources            jsonb,
    required_source_types      text[]  NOT NULL,
    recommended_source_types   text[]  NOT NULL,
    reactions_guidance         text,
    condensation_prompt        text,
    condensation_window_count  integer DEFAULT 4,
    source_repository          text,
    source_ref                 text,
    source_commit_sha          text,
    source_path                text,
    created_by                 text    NOT NULL,
    created_at                 timestamptz DEFAULT now(),

    CONSTRAINT watcher_versions_pkey PRIMARY KEY (id),
    CONSTRAINT watcher_versions_version_key UNIQUE (watcher_id, version),
    CONSTRAINT watcher_versions_watcher_fkey FOREIGN KEY (watcher_id)
        REFERENCES watchers (id) ON DELETE CASCADE,
    CONSTRAINT watcher_versions_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE RESTRICT
);

-- Closes the circle: a watcher and its first version are written in two steps.
ALTER TABLE watchers
    ADD CONSTRAINT watchers_current_version_fkey FOREIGN KEY (current_version_id)
        REFERENCES watcher_versions (id) ON DELETE SET NULL;

CREATE INDEX watchers_current_version_idx ON watchers (current_version_id);

CREATE TABLE watcher_windows (
    id           bigserial,
    watcher_id   integer     NOT NULL,
    version_id   integer     NOT NULL,
    window_start timestamptz NOT NULL,
    window_end   timestamptz NOT NULL,
    content      jsonb,
    created_at   timestamptz DEFAULT now(),

    CONSTRAINT watcher_windows_pkey PRIMARY KEY (id),
    CONSTRAINT watcher_windows_watcher_fkey FOREIGN KEY (watcher_id)
        REFERENCES watchers (id) ON DELETE CASCADE,
    CONSTRAINT watcher_windows_version_fkey FOREIGN KEY (version_id)
        REFERENCES watcher_versions (id)
);

CREATE INDEX watcher_windows_watcher_idx ON watcher_windows (watcher_id);
CREATE INDEX watcher_windows_version_idx ON watcher_windows (version_id);


-- Classifiers -----------------------------------------------------------------------------
-- A classifier belongs to the whole organisation (entity_id and watcher_id both NULL), to one
-- watcher or to one entity.

CREATE TABLE event_classifiers (
    id              serial,
    slug            text NOT NULL,
    name            text NOT NULL,
    description     text,
    attribute_key   text NOT NULL,
    status          text DEFAULT 'active',
    organization_id text,
    entity_id       bigint,
    entity_ids      bigint[],
    watcher_id      bigint,
    created_by      text NOT NULL,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now(),

    CONSTRAINT event_classifiers_pkey PRIMARY KEY (id),
    CONSTRAINT event_classifiers_status_check CHECK (status IN ('active', 'deprecated')),
    -- NULLs are distinct here: for classifiers of the whole organisation nothing protects
    -- the slug.
    CONSTRAINT event_classifiers_entity_watcher_slug_key UNIQUE (entity_id, watcher_id, slug),
    CONSTRAINT event_classifiers_organization_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id),
    CONSTRAINT event_classifiers_entity_fkey FOREIGN KEY (entity_id)
        REFERENCES entities (id) ON DELETE CASCADE,
    CONSTRAINT event_classifiers_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE RESTRICT,
    -- Two keys on one column, with two opinions about a deleted watcher. So it is in the
    -- real database; whoever reads the catalog must not take one for the other.
    CONSTRAINT event_classifiers_watcher_cascade_fkey FOREIGN KEY (watcher_id)
        REFERENCES watchers (id) ON DELETE CASCADE,
    CONSTRAINT event_classifiers_watcher_set_null_fkey FOREIGN KEY (watcher_id)
        REFERENCES watchers (id) ON DELETE SET NULL
);

CREATE INDEX event_classifiers_organization_idx ON event_classifiers (organization_id);
CREATE INDEX event_classifiers_watcher_idx ON event_classifiers (watcher_id);

-- History, as watcher_versions: classifications point at these rows.
CREATE TABLE event_classifier_versions (
    id                serial,
    classifier_id     integer NOT NULL,
    version           integer NOT NULL,
    is_current        boolean DEFAULT false,
    attribute_values  jsonb   NOT NULL,
    min_similarity    numeric(5, 4) DEFAULT 0.7,
    fallback_value    text,
    change_notes      text,
    preferred_model   text,
    extraction_config jsonb,
    created_by        text    NOT NULL,
    created_at        timestamptz DEFAULT now(),

    CONSTRAINT event_classifier_versions_pkey PRIMARY KEY (id),
    CONSTRAINT event_classifier_versions_version_key UNIQUE (classifier_id, version),
    CONSTRAINT event_classifier_versions_classifier_fkey FOREIGN KEY (classifier_id)
        REFERENCES event_classifiers (id) ON DELETE CASCADE,
    CONSTRAINT event_classifier_versions_created_by_fkey FOREIGN KEY (created_by)
        REFERENCES "user" (id) ON DELETE RESTRICT
);

-- The pointer to the version in force is a flag, and this key keeps it single: the old flag
-- goes down before the new one goes up.
CREATE UNIQUE INDEX event_classifier_versions_current_key
    ON event_classifier_versions (classifier_id) WHERE is_current;
