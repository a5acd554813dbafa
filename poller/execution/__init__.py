"""Execution environments: the processes that functions run in, and the Runtime API they talk to."""
