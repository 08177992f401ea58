"""Mail for other servers: sessions with them."""
