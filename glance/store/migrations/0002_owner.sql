-- The owner: one row, made with the table. No password and local_only 0 = the first run is not over.
CREATE TABLE owner (
  id                  INTEGER PRIMARY KEY CHECK (id = 1),
  password_hash       TEXT,
  password_changed_at REAL,
  local_only          INTEGER NOT NULL DEFAULT 0 CHECK (local_only IN (0, 1))
);
INSERT INTO owner (id) VALUES (1);

-- Who is signed in. `token_hash` is the SHA-256 of the cookie; `password_tag` ties the session to the password it was opened with.
CREATE TABLE sessions (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  token_hash   BLOB NOT NULL UNIQUE,
  password_tag BLOB NOT NULL,
  created_at   REAL NOT NULL,
  last_used_at REAL NOT NULL,
  keep         INTEGER NOT NULL DEFAULT 1 CHECK (keep IN (0, 1)),
  user_agent   TEXT NOT NULL DEFAULT '',
  address      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sessions_by_last_used ON sessions (last_used_at);
