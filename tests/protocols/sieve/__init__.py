"""ManageSieve, up to the login."""
