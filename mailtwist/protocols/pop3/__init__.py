"""POP3.  rfc1939"""
