"""What a mail server says of itself to who has no config yet, and the config of a gateway in front of it."""
