"""The program: the twistd plugin's maker, assembly, the command line."""
