"""Sources that pollerd can poll, a module or a folder each; none of them knows the engine or another source."""
