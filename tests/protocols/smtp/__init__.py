"""SMTP: transcripts, the seam with twisted.mail, faults, any octets, real sockets."""
