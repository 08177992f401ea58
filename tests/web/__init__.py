"""What is served by HTTP."""
