"""The Lambda API, one file for each of its resources; what they are given and give back is in contract.py."""
