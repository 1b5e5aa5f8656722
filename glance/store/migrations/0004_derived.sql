-- Series that Glance works out of others; their values are samples of the device `derived`, whose sensor has the slug's name.
-- `inputs` is JSON: [{"name", "device", "sensor"}], the names that the expression knows.
CREATE TABLE derived (
  slug       TEXT PRIMARY KEY,
  title      TEXT NOT NULL,
  expression TEXT NOT NULL,
  inputs     TEXT NOT NULL,
  unit       TEXT,
  decimals   INTEGER,
  is_counter INTEGER NOT NULL DEFAULT 0 CHECK (is_counter IN (0, 1)),
  version    INTEGER NOT NULL DEFAULT 1,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL
) WITHOUT ROWID;
