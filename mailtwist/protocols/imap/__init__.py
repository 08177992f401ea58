"""IMAP4rev1.  rfc3501"""
