-- `unit` is what the samples of a series are in, and stays; `sent_unit` is what its device tells now where that is another, so that
-- its numbers are converted. A unit that was only guessed (1) gives way to one that is told.
ALTER TABLE series ADD COLUMN sent_unit TEXT;
ALTER TABLE series ADD COLUMN unit_guessed INTEGER NOT NULL DEFAULT 0;
-- nobody noted so far which units were told
UPDATE series SET unit_guessed = 1 WHERE unit IS NOT NULL;
