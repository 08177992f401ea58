"""What we say to servers behind us, to real ones and to made-up ones."""
