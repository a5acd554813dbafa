"""What happened, told: typed facts, metrics, logs, health."""
