"""Sources that pollerd can poll. One module per source; none of them knows the engine or another source."""
