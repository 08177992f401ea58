"""What is shared between connections and what must last."""
