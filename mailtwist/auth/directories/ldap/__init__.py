"""People in an LDAP server: OpenLDAP, FreeIPA, Active Directory, and whatever else speaks it."""
