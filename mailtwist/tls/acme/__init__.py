"""Certificates that come by themselves: accounts, orders, challenges, renewal.  rfc8555"""
