-- How far the feed has come: the number of the newest change ever told. One row.
CREATE TABLE feed (
    head INTEGER NOT NULL
) STRICT;

INSERT INTO feed (head) VALUES (COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0));
