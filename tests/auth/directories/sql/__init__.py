"""People in databases: SQLite, PostgreSQL, MariaDB."""
