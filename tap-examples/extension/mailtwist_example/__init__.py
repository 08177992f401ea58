"""An extension of mailtwist: one IMAP command, one second factor, one directory."""
