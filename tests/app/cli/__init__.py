"""The mailtwist command."""
