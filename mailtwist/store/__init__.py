"""Where mail is kept: accounts, mailboxes, messages."""
