-- Credentials that several custom widgets share: `value` is encrypted, `hosts` the JSON list of the only hosts that get it.
CREATE TABLE credentials (
  name       TEXT PRIMARY KEY,
  value      BLOB NOT NULL,
  hosts      TEXT NOT NULL,
  set_at     REAL NOT NULL,
  created_at REAL NOT NULL
) WITHOUT ROWID;

-- The hosts that the owner lets a definition of the API ask, as a JSON list; NULL = made before this was asked: those it names.
ALTER TABLE custom_widgets ADD COLUMN hosts TEXT;
