"""What txacme keeps, and what it wants of a client: for the extra `mailtwist[txacme]` alone."""
