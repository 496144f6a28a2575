-- The ledger: what was applied, by whom, and what each placed row was given.
-- It is written in the transaction that writes the rows, so it never tells another story.

CREATE SCHEMA IF NOT EXISTS reconcile;

CREATE TABLE IF NOT EXISTS reconcile.setting (
    name  text PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO reconcile.setting (name, value)
VALUES ('ledger_version', '1'),
       -- Members of this role may plan as operators: pipelines and fleets, without --as.
       ('operator_role', 'reconcile_operator')
ON CONFLICT (name) DO NOTHING;

-- One entry an apply. plan_id is unique, so the same plan cannot be applied twice.
CREATE TABLE IF NOT EXISTS reconcile.revision (
    id                       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id                  text NOT NULL UNIQUE,
    -- json, not jsonb: the plan stays as it was reviewed, to the letter.
    plan                     json NOT NULL,
    template_agent_id        text NOT NULL,
    template_organization_id text NOT NULL,
    fingerprint              text NOT NULL,
    actor_mode               text NOT NULL CHECK (actor_mode IN ('member', 'operator')),
    actor_user_id            text,
    database_role            text NOT NULL DEFAULT current_user,
    transaction_id           text NOT NULL DEFAULT pg_current_xact_id()::text,
    applied_at               timestamptz NOT NULL DEFAULT now(),
    counts                   jsonb NOT NULL
);

-- One row an organisation: what appliers lock, in the order of the ids, so that two of them
-- take turns; row locks, because ten thousand advisory locks would exhaust the lock table.
CREATE TABLE IF NOT EXISTS reconcile.target (
    organization_id text PRIMARY KEY,
    revision        bigint REFERENCES reconcile.revision (id),
    revised_at      timestamptz
);

-- Values as applied, each distinct content once: ten thousand tenants share one row.
CREATE TABLE IF NOT EXISTS reconcile.content (
    digest text PRIMARY KEY,
    -- json, because jsonb would not keep a NUL escape and has a size limit of its own.
    values json NOT NULL
);

-- Where a row was placed, which row it was, and with which values. Deliberately without
-- foreign keys to the platform's tables: the ledger must outlive what it tells of.
CREATE TABLE IF NOT EXISTS reconcile.placement (
    organization_id   text NOT NULL,
    kind              text NOT NULL,
    key               text[] NOT NULL,
    template_agent_id text NOT NULL,
    template_organization_id text NOT NULL,
    row_id            text NOT NULL,
    content           text NOT NULL REFERENCES reconcile.content (digest),
    revision          bigint NOT NULL REFERENCES reconcile.revision (id),
    PRIMARY KEY (organization_id, kind, key)
);
