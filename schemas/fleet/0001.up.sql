-- Plans whose waves are jobs of workers (`reconcile fleet`), beside procrastinate's own tables.

CREATE TABLE IF NOT EXISTS reconcile_fleet.setting (
    name text PRIMARY KEY,
    value text NOT NULL
);

-- A plan as it was enqueued. Its waves follow from its targets and the pace.
--   plan       the plan file, to the letter
--   targets    those in which it changes something, in their order
--   deferred   waves up to this one have got a job
--   stopped_in the wave in which it stopped, with why and the exit code
CREATE TABLE IF NOT EXISTS reconcile_fleet.plan (
    plan_id text PRIMARY KEY,
    plan text NOT NULL,
    template text NOT NULL,
    targets text[] NOT NULL,
    wave text,
    canary text,
    max_failures int NOT NULL,
    pause text NOT NULL,
    lock_timeout text NOT NULL,
    enqueued_by text NOT NULL DEFAULT session_user,
    enqueued_at timestamptz NOT NULL DEFAULT now(),
    deferred int NOT NULL,
    state text NOT NULL DEFAULT 'going' CHECK (state IN ('going', 'stopped', 'cancelled')),
    stopped_in int,
    why text,
    exit_code int
);

-- Targets that were left out of their wave.
CREATE TABLE IF NOT EXISTS reconcile_fleet.refusal (
    plan_id text NOT NULL REFERENCES reconcile_fleet.plan,
    organization_id text NOT NULL,
    slug text NOT NULL,
    reason text NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan_id, organization_id)
);

INSERT INTO reconcile_fleet.setting (name, value) VALUES ('version', '1')
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
