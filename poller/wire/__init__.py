"""Bytes to values and back; codecs that hold no sockets of their own."""
