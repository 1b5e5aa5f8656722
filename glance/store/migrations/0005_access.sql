-- Tokens for programs. `token_hash` is the SHA-256 of the value, which is shown once; `scopes` are words separated by spaces.
CREATE TABLE tokens (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  name         TEXT NOT NULL,
  token_hash   BLOB NOT NULL UNIQUE,
  scopes       TEXT NOT NULL,
  created_at   REAL NOT NULL,
  expires_at   REAL,
  last_used_at REAL
);

-- Where a public dashboard is found, /p/<public_address>; kept while it is not public, so that switching back on keeps links.
ALTER TABLE dashboards ADD COLUMN public_address TEXT;
CREATE UNIQUE INDEX dashboards_by_public_address ON dashboards (public_address) WHERE public_address IS NOT NULL;
