"""What is served by HTTP: a small site, and pages that are found by their entry points.  rfc9110 rfc9112"""
