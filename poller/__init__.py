"""The engine of pollerd: polls sources, batches records into AWS events, runs functions, settles. See README.md here."""

__version__ = "0.1.0"
