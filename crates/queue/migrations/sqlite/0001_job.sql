-- One row a job. Times are milliseconds since 1970, UTC.
CREATE TABLE job (
    job_id         TEXT    NOT NULL PRIMARY KEY,
    subject        TEXT    NOT NULL,
    revision       INTEGER NOT NULL,
    input          TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    state          TEXT    NOT NULL,
    attempt        INTEGER NOT NULL,
    fence          INTEGER NOT NULL,
    worker         TEXT,
    lease_until_ms INTEGER,
    retry_at_ms    INTEGER,
    reason         TEXT,
    created_at_ms  INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL
) STRICT;

-- What a lease looks for, in the order it wants it.
CREATE INDEX job_waiting ON job (priority DESC, created_at_ms DESC, job_id)
    WHERE state IN ('queued', 'retryable');
CREATE INDEX job_leased ON job (lease_until_ms) WHERE lease_until_ms IS NOT NULL;
CREATE INDEX job_subject ON job (subject, revision);
CREATE INDEX job_updated ON job (updated_at_ms DESC, job_id);
CREATE INDEX job_incomplete ON job (input) WHERE state = 'incomplete';
