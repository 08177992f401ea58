"""SASL mechanisms, one file each.  rfc4422"""
