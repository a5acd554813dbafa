import os
import signal
import time


def handler(event, context):
    return ACTIONS[event["do"]](event, context)


def echo(event, context):
    return {"event": event, "request": context.aws_request_id, "remaining": context.get_remaining_time_in_millis()}


def boom(event, context):
    raise ValueError("no")


def layer(event, context):
    import layered
    import versioned

    return [layered.VALUE, versioned.VALUE]


def sdk(event, context):
    import boto3

    return boto3.__version__


ACTIONS = {
    "echo": echo,
    "boom": boom,
    "leave": lambda event, context: os._exit(event["code"]),
    "hang": lambda event, context: time.sleep(600),
    "signal": lambda event, context: os.kill(os.getpid(), signal.SIGKILL),
    "env": lambda event, context: dict(os.environ),
    "layer": layer,
    "sdk": sdk,
    "path": lambda event, context: __import__("sys").path,
}
