"""IMAP extensions, one file each.  rfc3501"""
