-- Single samples of a series before `raw_from` (Unix seconds, a multiple of 300) were let go, but for the newest of them; what comes
-- late for that time is added to the stored averages. NULL = none were.
ALTER TABLE series ADD COLUMN raw_from INTEGER;
