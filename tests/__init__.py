"""Tests mirror `mailtwist/`; run them with `python -m twisted.trial tests`."""
