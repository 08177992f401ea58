"""The commands of SMTP, one file each.  rfc5321"""
