"""What Ref and Fn::GetAtt of a resource come to here: names and ARNs that do not depend on a deployment.

A resource without a name of its own is called by its logical ID, where AWS would make a name up. Source: CloudFormation User Guide,
return values of each resource type.
"""

from __future__ import annotations

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable")
QUEUE, STREAM = "AWS::SQS::Queue", "AWS::Kinesis::Stream"

NAMED_BY = {
    **dict.fromkeys(FUNCTIONS, "FunctionName"),
    **dict.fromkeys(LAYERS, "LayerName"),
    **dict.fromkeys(TABLES, "TableName"),
    QUEUE: "QueueName",
    STREAM: "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Events::EventBus": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::IAM::Role": "RoleName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::Events::Rule": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Scheduler::Schedule": "Name",
}
"""The property that names a resource of a type. Of any other type Ref gives what only a deployment makes, an ID in most cases."""

_ARN = "arn:{partition}:%s:{region}:{account}:%s"
_QUEUE_URL = "{sqs}/{account}/{name}"
_MACHINE = _ARN % ("states", "stateMachine:{name}")

REFERENCES = {
    QUEUE: _QUEUE_URL,
    "AWS::SNS::Topic": _ARN % ("sns", "{name}"),
    "AWS::StepFunctions::StateMachine": _MACHINE,
    "AWS::Serverless::StateMachine": _MACHINE,
    "AWS::SecretsManager::Secret": _ARN % ("secretsmanager", "secret:{name}"),
}
"""What Ref gives, where that is not the name."""

_ARNS = {
    **dict.fromkeys(FUNCTIONS, _ARN % ("lambda", "function:{name}")),
    **dict.fromkeys(TABLES, _ARN % ("dynamodb", "table/{name}")),
    QUEUE: _ARN % ("sqs", "{name}"),
    STREAM: _ARN % ("kinesis", "stream/{name}"),
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::Events::EventBus": _ARN % ("events", "event-bus/{name}"),
    "AWS::Logs::LogGroup": _ARN % ("logs", "log-group:{name}:*"),
    "AWS::StepFunctions::StateMachine": _MACHINE,
    "AWS::Serverless::StateMachine": _MACHINE,
}
ATTRIBUTES = {
    **{(kind, "Arn"): form for kind, form in _ARNS.items()},
    (QUEUE, "QueueName"): "{name}",
    (QUEUE, "QueueUrl"): _QUEUE_URL,
    ("AWS::SNS::Topic", "TopicArn"): _ARN % ("sns", "{name}"),
    ("AWS::SNS::Topic", "TopicName"): "{name}",
    ("AWS::StepFunctions::StateMachine", "Name"): "{name}",
    ("AWS::Serverless::StateMachine", "Name"): "{name}",
    ("AWS::Events::EventBus", "Name"): "{name}",
}
"""What Fn::GetAtt gives, by type and attribute."""
