"""The commands of POP3, one file each.  rfc1939"""
