-- Attempts that were lost through no fault of the job's.
ALTER TABLE job ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;
