"""The tables of volatile state in a SQLite file: facts, how much room they take, words for everybody."""

OCTETS = "length({0}key) + length({0}value) + 80"
"""About what a fact takes, indexes included."""

_MORE = f"""INSERT INTO sizes VALUES (new.kind, new.room, new.level, {OCTETS.format("new.")})
    ON CONFLICT DO UPDATE SET octets = octets + excluded.octets"""
_LESS = f"""UPDATE sizes SET octets = octets - ({OCTETS.format("old.")})
    WHERE kind = old.kind AND room = old.room AND level = old.level"""

MIGRATIONS = (
    (
        """CREATE TABLE facts (
            kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
            room REAL NOT NULL, level INTEGER NOT NULL, until REAL NOT NULL,
            PRIMARY KEY (kind, key)) WITHOUT ROWID""",
        "CREATE INDEX facts_by_worth ON facts (kind, room, level, until)",
        "CREATE INDEX facts_by_end ON facts (until)",
        """CREATE TABLE sizes (
            kind TEXT NOT NULL, room REAL NOT NULL, level INTEGER NOT NULL, octets INTEGER NOT NULL,
            PRIMARY KEY (kind, room, level)) WITHOUT ROWID""",
        f"CREATE TRIGGER facts_come AFTER INSERT ON facts BEGIN {_MORE}; END",
        f"CREATE TRIGGER facts_go AFTER DELETE ON facts BEGIN {_LESS}; END",
        f"""CREATE TRIGGER facts_change AFTER UPDATE ON facts
            WHEN old.room <> new.room OR old.level <> new.level OR length(old.value) <> length(new.value)
            BEGIN {_LESS}; {_MORE}; END""",
        """CREATE TABLE words (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            word BLOB NOT NULL, who TEXT NOT NULL, at REAL NOT NULL)""",
    ),
)
