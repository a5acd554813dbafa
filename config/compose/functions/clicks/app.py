"""Clicks from a Redis stream."""


def handler(event, context):
    print(len(event["Records"]), "clicks")
