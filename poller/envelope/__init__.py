"""AWS event shapes: a batch of records in, the exact event out. Pure."""
