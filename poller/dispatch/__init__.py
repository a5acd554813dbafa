"""Who may run now: slots, and the front door to the functions."""
