"""Amazon Kinesis Data Streams, and servers that speak like it. Start with ``source.py``."""
