"""The tables of the durable state, and how an older file becomes one of today."""

RELEASED = (
    "CREATE TABLE pins (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE tokens (
            id TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, sealed BLOB NOT NULL,
            key_version INTEGER NOT NULL, created REAL NOT NULL, label TEXT NOT NULL, digits INTEGER NOT NULL,
            period INTEGER NOT NULL, algorithm TEXT NOT NULL, drift INTEGER NOT NULL, active INTEGER NOT NULL,
            PRIMARY KEY (account, id)) WITHOUT ROWID""",
    """CREATE TABLE used (
            account TEXT NOT NULL, token TEXT NOT NULL, step INTEGER NOT NULL, by BLOB NOT NULL,
            PRIMARY KEY (account, token)) WITHOUT ROWID""",
    """CREATE TABLE devices (
            id TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, lookup BLOB NOT NULL,
            key_version INTEGER NOT NULL, created REAL NOT NULL, last_used REAL NOT NULL,
            expires_at REAL NOT NULL, idle REAL NOT NULL, last_address TEXT NOT NULL, protocols TEXT NOT NULL,
            client TEXT NOT NULL, label TEXT NOT NULL, uses INTEGER NOT NULL, revoked_at REAL,
            PRIMARY KEY (account, id)) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX device_lookup ON devices (account, lookup)",
    """CREATE TABLE networks (
            account TEXT NOT NULL, device TEXT NOT NULL, net TEXT NOT NULL,
            first REAL NOT NULL, last REAL NOT NULL,
            PRIMARY KEY (account, device, net),
            FOREIGN KEY (account, device) REFERENCES devices (account, id) ON DELETE CASCADE
            ) WITHOUT ROWID""",
)
"""What the first mailtwist made, without limits and history."""

WHOLE_FACTOR = (
    "ALTER TABLE devices ADD COLUMN context TEXT NOT NULL DEFAULT 'standard'",
    "ALTER TABLE devices ADD COLUMN allowed TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE devices ADD COLUMN vault BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE devices ADD COLUMN inner BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE devices ADD COLUMN refused_at REAL",
    "ALTER TABLE devices ADD COLUMN stale_at REAL",
    "ALTER TABLE devices ADD COLUMN why TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE devices ADD COLUMN cut TEXT NOT NULL DEFAULT 'null'",
    "CREATE INDEX device_inner ON devices (account, inner)",
    "UPDATE tokens SET drift = drift * period",
    "CREATE TABLE enrolled (account TEXT PRIMARY KEY) WITHOUT ROWID",
    "INSERT INTO enrolled SELECT DISTINCT account FROM tokens WHERE active = 1",
    """CREATE TABLE endings (
            number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, device TEXT NOT NULL,
            why TEXT NOT NULL, at REAL NOT NULL)""",
    """CREATE TABLE history (
            login TEXT PRIMARY KEY, at REAL NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
            protocol TEXT NOT NULL, address TEXT NOT NULL, net TEXT NOT NULL, tls INTEGER NOT NULL,
            client TEXT NOT NULL, device TEXT NOT NULL, how TEXT NOT NULL, outcome TEXT NOT NULL,
            reason TEXT NOT NULL, seconds REAL NOT NULL, count INTEGER NOT NULL, would_fail TEXT NOT NULL,
            last REAL NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX history_of ON history (account, last)",
    "CREATE INDEX history_age ON history (last)",
    "CREATE INDEX was_here ON history (account, net, last) WHERE outcome = 'accepted'",
    "CREATE INDEX without_code ON history (last) WHERE outcome = 'accepted' AND how = 'password'",
    "CREATE TABLE told (what TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID",
    """CREATE TABLE notices (
            id TEXT PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL,
            created REAL NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX notice_due ON notices (due_at)",
    """CREATE TABLE bans (
            subject TEXT PRIMARY KEY, reason TEXT NOT NULL, until REAL NOT NULL, by TEXT NOT NULL
            ) WITHOUT ROWID""",
)
"""App passwords, contexts and stale devices; sessions that end; history, notices and bans."""

GATEWAY = (
    """CREATE TABLE grants (
            id TEXT NOT NULL, account TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
            sealed BLOB NOT NULL, key_version INTEGER NOT NULL, created REAL NOT NULL, renewed REAL NOT NULL,
            refused_at REAL, PRIMARY KEY (account, source)) WITHOUT ROWID""",
    """CREATE TABLE drains (
            host TEXT PRIMARY KEY, since REAL NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL
            ) WITHOUT ROWID""",
    """CREATE TABLE backends (
            upstream TEXT NOT NULL, host TEXT NOT NULL, kind TEXT NOT NULL, up INTEGER NOT NULL,
            reason TEXT NOT NULL, since REAL NOT NULL, seen REAL NOT NULL, connections INTEGER NOT NULL,
            process TEXT NOT NULL, PRIMARY KEY (upstream, host, kind, process)) WITHOUT ROWID""",
)
"""Who lets us into mailboxes at providers; servers behind us, and which of them are drained."""

MIGRATIONS = (RELEASED, WHOLE_FACTOR, GATEWAY)
"""One per schema that was ever released, never changed after that."""
