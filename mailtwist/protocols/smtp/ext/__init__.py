"""SMTP service extensions, one file each.  rfc5321"""
