"""For tests, ours and those of extensions: transcripts, fakes, contract suites."""
