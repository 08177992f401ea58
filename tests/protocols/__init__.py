"""Engine, grammar, commands and servers."""
