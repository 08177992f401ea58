"""Tests of mailtwist.mail."""
