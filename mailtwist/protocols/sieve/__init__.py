"""ManageSieve: filter scripts put on a server by mail programs, up to the login.  rfc5804"""
