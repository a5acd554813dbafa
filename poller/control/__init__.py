"""Desired state and the way to it: from settings to running functions and mappings, and the port that tells how they are."""
