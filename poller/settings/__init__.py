"""The typed configuration: the model, the way from files to it, and the documents rendered from it."""
