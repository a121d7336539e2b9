-- Tenants, their keys (hashes only), what they spent by UTC day, and what running gateways may still spend.

CREATE TABLE tenants (
  name TEXT PRIMARY KEY,
  settings TEXT NOT NULL,
  created REAL NOT NULL
);

CREATE TABLE keys (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT,
  hash TEXT NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  tenant TEXT NOT NULL REFERENCES tenants (name),
  created REAL NOT NULL,
  expires REAL,
  revoked REAL
);

CREATE TABLE spend (
  tenant TEXT NOT NULL,
  day TEXT NOT NULL,
  dollars REAL NOT NULL,
  requests INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  PRIMARY KEY (tenant, day)
);

CREATE TABLE holds (
  owner TEXT NOT NULL,
  tenant TEXT NOT NULL,
  day TEXT NOT NULL,
  dollars REAL NOT NULL,
  seen REAL NOT NULL,
  PRIMARY KEY (owner, tenant, day)
);
CREATE INDEX holds_by_tenant ON holds (tenant, day);
