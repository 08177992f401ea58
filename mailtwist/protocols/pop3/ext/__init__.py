"""POP3 extensions, one file each.  rfc2449"""
