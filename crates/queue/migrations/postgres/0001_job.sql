-- One row a job. Times are milliseconds since 1970, UTC. Texts are ordered by their bytes, as in SQLite.
CREATE TABLE job (
    job_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    subject        TEXT COLLATE "C" NOT NULL,
    revision       BIGINT NOT NULL,
    input          TEXT COLLATE "C" NOT NULL,
    priority       BIGINT NOT NULL,
    state          TEXT   NOT NULL,
    attempt        BIGINT NOT NULL,
    fence          BIGINT NOT NULL,
    worker         TEXT,
    lease_until_ms BIGINT,
    retry_at_ms    BIGINT,
    reason         TEXT,
    created_at_ms  BIGINT NOT NULL,
    updated_at_ms  BIGINT NOT NULL
);

-- What a lease looks for, in the order it wants it.
CREATE INDEX job_waiting ON job (priority DESC, created_at_ms DESC, job_id)
    WHERE state IN ('queued', 'retryable');
CREATE INDEX job_leased ON job (lease_until_ms) WHERE lease_until_ms IS NOT NULL;
CREATE INDEX job_subject ON job (subject, revision);
CREATE INDEX job_updated ON job (updated_at_ms DESC, job_id);
-- Inputs may be longer than what an ordered index takes.
CREATE INDEX job_incomplete ON job USING hash (input) WHERE state = 'incomplete';
