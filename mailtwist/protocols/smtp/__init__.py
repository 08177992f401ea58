"""SMTP and submission.  rfc5321 rfc6409"""
