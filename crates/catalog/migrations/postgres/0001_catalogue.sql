-- What must be known of the database itself. Texts are ordered by their bytes everywhere, as in SQLite.
CREATE TABLE catalogue (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row a scene, those that left included. `body` is the Scene as JSON; truth is 0 or 1, as in SQLite. Paths may be
-- longer than what an ordered index takes, so theirs is a hashed one.
CREATE TABLE scene (
    scene_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    path          TEXT COLLATE "C" NOT NULL,
    revision      BIGINT NOT NULL,
    withdrawn     BIGINT NOT NULL,
    size_bytes    BIGINT NOT NULL,
    mtime_ns      BIGINT NOT NULL,
    identity      TEXT   NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    body          TEXT   NOT NULL,
    EXCLUDE USING hash (path WITH =)
);

-- The feed. `key` says what a change is about; a newer change with the same key supersedes an older one.
CREATE TABLE change (
    seq   BIGINT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    key   TEXT COLLATE "C" NOT NULL,
    body  TEXT   NOT NULL
);

CREATE INDEX change_key ON change (key, seq);
