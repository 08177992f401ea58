"""Which server behind us is whose: by a table in the config, or by what a Redis says."""
