"""The real servers behind the gateway: on loopback, started once for all tests that ask."""
