"""The pages that mailtwist brings, one file each."""
