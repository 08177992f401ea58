"""The `mailtwist` command, one file per word."""
