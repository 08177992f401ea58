"""Real mail programs and servers, speaking to a real mailtwist process on loopback."""
