"""The second factor is a person who says yes: he is asked on his phone while the login waits."""
