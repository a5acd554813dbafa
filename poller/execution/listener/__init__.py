"""The one listener of an environment, for all that its processes say.

listener.py: which API a path belongs to. replies.py: answers that every API gives. metadata.py: where it runs.
"""
