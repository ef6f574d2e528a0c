-- Whether a sweep that was believed has seen the scene's file: only such files bear witness that the root is what it was.
ALTER TABLE scene ADD COLUMN vouched BIGINT NOT NULL DEFAULT 0;

-- A file that appears is looked up by its content: it may have been here under another name.
CREATE INDEX scene_identity ON scene (identity);
