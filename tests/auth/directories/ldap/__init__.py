"""People in LDAP."""
