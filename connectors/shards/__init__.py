"""What streams made of shards share, those of Kinesis and DynamoDB: who may be read now, and reading it."""
