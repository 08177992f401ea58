"""Looking at a mail server, and the config that is made of it."""
