"""Small things every room stands on: trouble, time, files, threads, events."""
