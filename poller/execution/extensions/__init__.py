"""The Extensions API of one environment. api.py: the calls. states.py: which may come when. extension.py: one, and what it is told."""
