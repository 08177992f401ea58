"""The second factors."""
