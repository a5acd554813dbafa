"""The demo's function: an ordinary Lambda handler for SQS, with partial batch responses."""

import json
import time


def handler(event, context):
    """Handle each order; name those that failed, so that only they come again."""
    failed = []
    for record in event["Records"]:
        order = json.loads(record["body"])
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        if order["kind"] == "poison" or (order["kind"] == "flaky" and receives == 1):
            failed.append({"itemIdentifier": record["messageId"]})
            print(json.dumps({"failed": order["id"]}))
        else:
            print(json.dumps({"handled": order["id"], "seconds": time.time() - order["sent"], "receives": receives}))
    return {"batchItemFailures": failed}
