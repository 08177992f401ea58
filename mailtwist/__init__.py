"""mailtwist: two-factor authentication and automatic TLS on SMTP, IMAP and POP3, in one Twisted process."""
