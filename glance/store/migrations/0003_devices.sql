-- What devices say about themselves (name … link) and what the owner made of it (label, own_*). A merged device keeps its row:
-- what it sends from then on belongs to `merged_into`. A forgotten one keeps it too, so that a retained message does not bring it back.
CREATE TABLE devices (
  id           TEXT PRIMARY KEY,
  name         TEXT,
  maker        TEXT,
  model        TEXT,
  room         TEXT,
  ecosystem    TEXT,
  firmware     TEXT,
  via          TEXT,
  link         TEXT,
  label        TEXT,
  own_room     TEXT,
  hidden       INTEGER NOT NULL DEFAULT 0 CHECK (hidden IN (0, 1)),
  ignored      INTEGER NOT NULL DEFAULT 0 CHECK (ignored IN (0, 1)),
  merged_into  TEXT,
  bridge       TEXT,
  state        TEXT CHECK (state IN ('online', 'offline', 'asleep')),
  state_at     REAL,
  first_seen   REAL NOT NULL,
  last_seen    REAL,
  removed_at   REAL,
  forgotten_at REAL
) WITHOUT ROWID;

-- A series is a sensor of a device, interned: samples name it by `id`. One that was merged is a part of another: its samples stay
-- where they are and are read with those of `part_of`. kept_* is the last value that came retained and is no sample.
CREATE TABLE series (
  id                 INTEGER PRIMARY KEY,
  device_id          TEXT NOT NULL,
  sensor             TEXT NOT NULL,
  kind               TEXT NOT NULL CHECK (kind IN ('number', 'boolean', 'enum', 'text', 'event')),
  unit               TEXT,
  name               TEXT,
  device_class       TEXT,
  state_class        TEXT,
  options            TEXT NOT NULL DEFAULT '[]',
  value_labels       TEXT NOT NULL DEFAULT '[]',
  declared_hidden    INTEGER NOT NULL DEFAULT 0,
  expire_after_s     REAL,
  decimals           INTEGER,
  label              TEXT,
  own_unit           TEXT,
  own_hidden         INTEGER,
  own_expire_after_s REAL,
  own_decimals       INTEGER,
  correction         REAL,
  raw_days           INTEGER,
  rollup_days        INTEGER,
  part_of            INTEGER,
  first_at           REAL NOT NULL,
  removed_at         REAL,
  forgotten_at       REAL,
  kept_value         REAL,
  kept_text          TEXT,
  kept_at            REAL
);
CREATE INDEX series_by_device ON series (device_id);

-- Words are stored once. `used_on` is the last day (days since 1970) a sample came with it: what no sample can need any more goes.
CREATE TABLE texts (
  id      INTEGER PRIMARY KEY,
  text    TEXT NOT NULL UNIQUE,
  used_on INTEGER NOT NULL
);

-- New samples are appended here in the order of their ids, so that a commit touches a page or two, and folded every few minutes,
-- sorted, into `samples`, which charts read. `ts` is in milliseconds. A text has no value; a boolean has 0 or 1 and its word.
CREATE TABLE inbox (
  id     INTEGER PRIMARY KEY,
  series INTEGER NOT NULL,
  ts     INTEGER NOT NULL,
  value  REAL,
  text   INTEGER
);
CREATE TABLE samples (
  series INTEGER NOT NULL,
  ts     INTEGER NOT NULL,
  id     INTEGER NOT NULL,
  value  REAL,
  text   INTEGER,
  PRIMARY KEY (series, ts, id)
) WITHOUT ROWID;

-- One row a fold: where to begin looking for samples that were stored after a certain id.
CREATE TABLE folds (
  last_id INTEGER PRIMARY KEY,
  min_ts  INTEGER NOT NULL,
  at      REAL NOT NULL
);

-- `at` is the beginning of the 5 minutes or the hour in Unix seconds; `rise` is how much a counter grew in it.
CREATE TABLE rollups_5m (
  series INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  avg    REAL NOT NULL,
  low    REAL NOT NULL,
  high   REAL NOT NULL,
  n      INTEGER NOT NULL,
  rise   REAL,
  PRIMARY KEY (series, at)
) WITHOUT ROWID;
CREATE TABLE rollups_1h (
  series INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  avg    REAL NOT NULL,
  low    REAL NOT NULL,
  high   REAL NOT NULL,
  n      INTEGER NOT NULL,
  rise   REAL,
  PRIMARY KEY (series, at)
) WITHOUT ROWID;

-- Which delivery of the broker is stored: written with its samples, asked when the broker delivers once more.
CREATE TABLE seen (
  mid  INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL
);

-- How far folding and rolling up have come, the next sample id, the client id at the broker, what the decoder learned.
CREATE TABLE ingest_state (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
