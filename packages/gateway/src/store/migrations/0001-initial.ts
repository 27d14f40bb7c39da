/**
 * `counters.keys` counts every change of `keys`, by triggers, so that one indexed read tells a process whether its
 * snapshot of the keys is still good.
 *
 * `ledger.number` gives the order of arrival. The request id is not unique: clients may choose it.
 */
export const initial = `
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('keys', 1);

CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  models TEXT
) STRICT;
CREATE TRIGGER keys_inserted AFTER INSERT ON keys BEGIN
  UPDATE counters SET value = value + 1 WHERE name = 'keys';
END;
CREATE TRIGGER keys_updated AFTER UPDATE ON keys BEGIN
  UPDATE counters SET value = value + 1 WHERE name = 'keys';
END;
CREATE TRIGGER keys_deleted AFTER DELETE ON keys BEGIN
  UPDATE counters SET value = value + 1 WHERE name = 'keys';
END;

CREATE TABLE ledger (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  key_id TEXT,
  surface TEXT NOT NULL,
  requested_model TEXT NOT NULL,
  virtual_model TEXT,
  endpoint TEXT,
  actual_model TEXT,
  attempts INTEGER NOT NULL,
  status INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  sight TEXT,
  failure_kind TEXT,
  finish_reason TEXT,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  cost_micro_dollars INTEGER,
  time_to_first_token REAL,
  duration REAL NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  client_agent TEXT
) STRICT;
CREATE INDEX ledger_at ON ledger (at);
`;
