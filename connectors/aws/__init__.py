"""What all AWS connectors and destinations share: where requests go and as whom, calls, errors. Not a connector.

``options.py`` has no client library behind it, since the configuration reads it.
"""
