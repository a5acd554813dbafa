"""Amazon SQS, and servers that speak like it. Start with ``source.py``."""
