-- How far the feed has come: the number of the newest change ever told. One row. Who appends holds it until the commit,
-- so numbers are committed in their order and none is left out: no reader sees one before another that is lower.
CREATE TABLE feed (
    head BIGINT NOT NULL
);

INSERT INTO feed (head) VALUES (0);
