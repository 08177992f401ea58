"""People in a database that somebody else keeps, found by the admin's own queries."""
