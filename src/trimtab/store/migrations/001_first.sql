-- The first tables. Migrations are append-only: a released file is never edited, a change is a new number.
-- Bodies are JSON; columns beside them are only what queries filter and count by.

CREATE TABLE documents (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (kind, id)
);

CREATE TABLE steps (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  step TEXT NOT NULL,
  key TEXT NOT NULL,
  outputs TEXT NOT NULL,
  seconds REAL NOT NULL,
  peak_rss_mb REAL NOT NULL,
  time REAL NOT NULL
);
CREATE INDEX steps_by_key ON steps (step, key);

CREATE TABLE aliases (name TEXT PRIMARY KEY, digest TEXT NOT NULL);

CREATE TABLE alias_changes (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  time REAL NOT NULL,
  reason TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL
);

CREATE TABLE traces (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  time REAL NOT NULL,
  arm TEXT NOT NULL,
  release TEXT NOT NULL,
  failed INTEGER NOT NULL,
  tripped INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX traces_by_release ON traces (release, arm, time);
CREATE INDEX traces_by_time ON traces (time);

CREATE TABLE feedback (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  trace TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX feedback_by_trace ON feedback (trace);

CREATE TABLE captures (
  id TEXT PRIMARY KEY,
  trace TEXT NOT NULL,
  kind TEXT NOT NULL,
  expires REAL NOT NULL,
  kept INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX captures_by_trace ON captures (trace, kind);
CREATE INDEX captures_by_expiry ON captures (expires);

CREATE TABLE intents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  time REAL NOT NULL,
  outcome TEXT
);

CREATE TABLE looks (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  shard TEXT NOT NULL,
  suite TEXT NOT NULL,
  who TEXT NOT NULL,
  purpose TEXT NOT NULL,
  time REAL NOT NULL
);
CREATE INDEX looks_by_shard ON looks (shard);
