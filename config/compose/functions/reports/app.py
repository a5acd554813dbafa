"""Reports, in a container of its own."""


def handler(event, context):
    for record in event["Records"]:
        print("report", record["body"])
    return {"reported": len(event["Records"])}
