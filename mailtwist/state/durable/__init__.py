"""State that must last: seeds, devices, last steps."""
