-- What the placeholders of scrubbed rows stand for (encrypted), by which keyed digests of data they are found, and
-- the keyed digests of data that are never to be held again.

CREATE TABLE vault (
  row TEXT PRIMARY KEY,
  expires REAL NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE vault_data (
  datum TEXT NOT NULL,
  row TEXT NOT NULL,
  PRIMARY KEY (datum, row)
);
CREATE INDEX vault_data_by_row ON vault_data (row);

CREATE TABLE vault_forgotten (
  datum TEXT PRIMARY KEY
);
