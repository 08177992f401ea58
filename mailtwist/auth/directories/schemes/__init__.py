"""How passwords are hashed by others: one file for each family of schemes."""
