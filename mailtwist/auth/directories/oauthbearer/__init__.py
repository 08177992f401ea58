"""People by the access tokens of an identity provider."""
