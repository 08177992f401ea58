"""Who gets in: one decision behind every door."""
