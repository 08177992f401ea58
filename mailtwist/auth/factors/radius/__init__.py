"""Codes judged by a RADIUS server, and pushes that it sends."""
