"""The real process, watched from outside: what it writes, how much it holds, how it ends."""
