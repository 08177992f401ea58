"""Which server behind us is whose."""
