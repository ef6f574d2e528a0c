-- When the file's inode last changed, in nanoseconds since 1970. Unknown of files that an earlier version catalogued, and
-- where the file system does not tell.
ALTER TABLE scene ADD COLUMN ctime_ns BIGINT;
