"""Values and keys that a schema registry describes: decoded as Lambda does it. Start with ``decoder.py``."""
