"""Services that answer us, as the docs show them."""
