"""Certificates that come by themselves."""
