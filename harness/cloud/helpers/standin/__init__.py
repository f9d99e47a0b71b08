"""A stand-in for Amazon's helper scripts, for guests whose network does not reach Amazon's own.

It speaks their protocol and has their options, exit statuses and messages; it shares no code with
them. It runs in a guest, on Python 3.10 or later, with nothing but the standard library.
"""
