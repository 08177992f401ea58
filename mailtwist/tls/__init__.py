"""Certificates and TLS contexts, chosen by server name."""
