"""Where the processes of an environment live, apart from the daemon and from each other: bubblewrap's namespaces, or none."""
