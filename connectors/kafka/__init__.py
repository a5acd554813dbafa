"""Apache Kafka and Amazon MSK: one topic, read as a member of a consumer group. Start with ``source.py``."""
