"""SMTP, IMAP4 and POP3: grammar, commands, and the servers that speak them."""
