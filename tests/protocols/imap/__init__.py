"""IMAP: grammar, changes, commands, the server."""
