"""TLS: names, certificates, contexts, where certificates come from."""
