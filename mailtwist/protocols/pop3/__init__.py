"""POP3: a maildrop fetched and emptied by mail programs.  rfc1939"""
