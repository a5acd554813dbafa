"""AWS's own protocols of Lambda and CloudWatch Logs, by the service models that botocore ships: requests, answers, errors, signatures.

Pure: nothing here opens a socket or knows a function. botocore itself is not imported: its models are data files beside it, and reading
the two that are wanted takes 2 MB where the library takes 17.
"""
