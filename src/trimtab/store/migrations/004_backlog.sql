-- What became of each needs-work event, decision by decision; the last row of an (event, queue) is how it stands.

CREATE TABLE backlog (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL,
  queue TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  time REAL NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX backlog_by_event ON backlog (event, queue);

CREATE TRIGGER backlog_is_never_changed BEFORE UPDATE ON backlog
BEGIN
  SELECT RAISE(ABORT, 'the backlog is append-only');
END;

CREATE TRIGGER backlog_is_never_deleted BEFORE DELETE ON backlog
BEGIN
  SELECT RAISE(ABORT, 'the backlog is append-only');
END;
