"""Approval on a phone."""
