"""What becomes of accepted mail."""
