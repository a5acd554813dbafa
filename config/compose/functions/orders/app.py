"""Orders from a queue: one that has no number is reported as failed, comes again, and ends in the dead-letter queue."""

import json


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            print("order", json.loads(record["body"])["order"])
        except (ValueError, TypeError, KeyError):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
