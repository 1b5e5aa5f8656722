-- Definitions: those from folders have a row too, so that a folder which disappears deletes nothing. Of a folder `manifest` is what
-- was read and checked when its files bore `stamp`: while they do, a start neither parses nor checks them again.
CREATE TABLE custom_widgets (
  id         INTEGER PRIMARY KEY,
  slug       TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  origin     TEXT NOT NULL CHECK (origin IN ('folder', 'api')),
  status     TEXT NOT NULL DEFAULT 'ok' CHECK (status IN ('ok', 'broken', 'missing')),
  status_at  REAL NOT NULL,
  path       TEXT,
  manifest   TEXT,
  stamp      TEXT,
  version    INTEGER NOT NULL DEFAULT 1,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  CHECK (origin = 'folder' OR manifest IS NOT NULL)
);

CREATE TABLE dashboards (
  id          INTEGER PRIMARY KEY,
  slug        TEXT NOT NULL UNIQUE,
  title       TEXT NOT NULL,
  icon        TEXT,
  position    INTEGER NOT NULL,
  is_default  INTEGER NOT NULL DEFAULT 0,
  is_template INTEGER NOT NULL DEFAULT 0,
  is_public   INTEGER NOT NULL DEFAULT 0,
  settings    TEXT NOT NULL DEFAULT '{}',
  version     INTEGER NOT NULL DEFAULT 1,
  created_at  REAL NOT NULL,
  updated_at  REAL NOT NULL
);
CREATE UNIQUE INDEX dashboards_one_default ON dashboards (is_default) WHERE is_default = 1;

CREATE TABLE widgets (
  id               TEXT PRIMARY KEY,
  dashboard_id     INTEGER NOT NULL REFERENCES dashboards (id) ON DELETE CASCADE,
  custom_widget_id INTEGER NOT NULL REFERENCES custom_widgets (id) ON DELETE RESTRICT,
  title            TEXT NOT NULL,
  params           TEXT NOT NULL DEFAULT '{}',
  x                INTEGER NOT NULL,
  y                INTEGER NOT NULL,
  w                INTEGER NOT NULL,
  h                INTEGER NOT NULL,
  refresh_interval INTEGER,
  schedule         TEXT,
  settings         TEXT NOT NULL DEFAULT '{}',
  version          INTEGER NOT NULL DEFAULT 1,
  created_at       REAL NOT NULL,
  updated_at       REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX widgets_by_dashboard ON widgets (dashboard_id);
CREATE INDEX widgets_by_custom_widget ON widgets (custom_widget_id);

-- Secret params, encrypted; `path` is where in the params the value belongs, e.g. token or data_source.auth.token.
CREATE TABLE widget_secrets (
  widget_instance_id TEXT NOT NULL REFERENCES widgets (id) ON DELETE CASCADE,
  path               TEXT NOT NULL,
  value              BLOB NOT NULL,
  digest             TEXT NOT NULL,
  set_at             REAL NOT NULL,
  PRIMARY KEY (widget_instance_id, path)
) WITHOUT ROWID;

-- The answer for the saved params. `data` NULL with `fetched_at` NULL = there is only a failure to remember.
CREATE TABLE widget_data_cache (
  widget_instance_id TEXT PRIMARY KEY REFERENCES widgets (id) ON DELETE CASCADE,
  custom_widget_id   INTEGER NOT NULL REFERENCES custom_widgets (id) ON DELETE CASCADE,
  data               TEXT,
  fetched_at         REAL,
  expires_at         REAL,
  params_hash        TEXT NOT NULL,
  failures           INTEGER NOT NULL DEFAULT 0,
  error              TEXT,
  error_kind         TEXT,
  error_at           REAL,
  retry_at           REAL,
  blocked_until      REAL,
  seen_at            REAL NOT NULL,
  entry_version      INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX widget_data_cache_expires ON widget_data_cache (expires_at);
CREATE INDEX widget_data_cache_by_custom_widget ON widget_data_cache (custom_widget_id);

-- Answers for other params than the saved ones, at most 20 a widget, least recently used first to go.
CREATE TABLE widget_data_variant (
  widget_instance_id TEXT NOT NULL REFERENCES widgets (id) ON DELETE CASCADE,
  params_hash        TEXT NOT NULL,
  custom_widget_id   INTEGER NOT NULL REFERENCES custom_widgets (id) ON DELETE CASCADE,
  data               TEXT,
  fetched_at         REAL,
  expires_at         REAL,
  failures           INTEGER NOT NULL DEFAULT 0,
  error              TEXT,
  error_kind         TEXT,
  error_at           REAL,
  retry_at           REAL,
  blocked_until      REAL,
  used_at            REAL NOT NULL,
  entry_version      INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (widget_instance_id, params_hash)
) WITHOUT ROWID;
CREATE INDEX widget_data_variant_expires ON widget_data_variant (expires_at);
CREATE INDEX widget_data_variant_by_custom_widget ON widget_data_variant (custom_widget_id);

-- What a source remembers between fetches (check history, counters): kept when the cache is cleared.
CREATE TABLE widget_source_state (
  widget_instance_id TEXT PRIMARY KEY REFERENCES widgets (id) ON DELETE CASCADE,
  state              TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE preferences (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
