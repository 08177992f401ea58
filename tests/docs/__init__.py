"""What the docs say is so: pages made from the code, names, commands, blocks of code."""
