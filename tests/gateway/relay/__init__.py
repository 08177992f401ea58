"""Two sides joined: what passes, what does not, and what is answered in between."""
