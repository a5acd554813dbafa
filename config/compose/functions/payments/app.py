"""Payments from Kafka. One below 0 fails its batch, which is cut in halves until that payment is alone, and given up."""

import base64
import json


def handler(event, context):
    for records in event["records"].values():
        for record in records:
            amount = json.loads(base64.b64decode(record["value"]))["amount"]
            if amount < 0:
                raise ValueError(f"an amount of {amount}")
