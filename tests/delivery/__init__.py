"""From reception to the mailbox."""
