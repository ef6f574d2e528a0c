-- What must be known of the database itself.
CREATE TABLE catalogue (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- One row a scene, those that left included. `body` is the Scene as JSON.
CREATE TABLE scene (
    scene_id      TEXT    NOT NULL PRIMARY KEY,
    path          TEXT    NOT NULL UNIQUE,
    revision      INTEGER NOT NULL,
    withdrawn     INTEGER NOT NULL,
    size_bytes    INTEGER NOT NULL,
    mtime_ns      INTEGER NOT NULL,
    identity      TEXT    NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    body          TEXT    NOT NULL
) STRICT;

-- The feed. Numbers are never used again, so AUTOINCREMENT. `key` says what a change is about; a newer change with
-- the same key supersedes an older one.
CREATE TABLE change (
    seq   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    key   TEXT    NOT NULL,
    body  TEXT    NOT NULL
) STRICT;

CREATE INDEX change_key ON change (key, seq);
