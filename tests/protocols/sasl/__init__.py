"""SASL exchanges and mechanisms."""
