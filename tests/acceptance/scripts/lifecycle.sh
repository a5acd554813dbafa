#!/bin/sh
# A deployment from its first call to its last, by the AWS CLI: layer, function, version, alias, mapping, throttling, change, end.
# Nothing in here knows where it runs: endpoints, region and keys come from the environment. Works in the current folder.
set -eu

name=bills-$$
sqs="aws sqs ${SQS_URL:+--endpoint-url $SQS_URL}"  # the CLI 1 overlooks the environment's endpoint of SQS in us-east-1
export AWS_PAGER= AWS_MAX_ATTEMPTS=1  # throttling is to be seen

fails() {  # fails CODE COMMAND...: the command is refused with that error
    code=$1
    shift
    if "$@" >out 2>&1; then echo "was not refused: $*"; exit 1; fi
    grep -q "($code)" out || { cat out; exit 1; }
}

is() {  # is EXPECTED FOUND
    [ "$1" = "$2" ] || { echo "expected $1, found $2"; exit 1; }
}

mkdir -p layer/python
echo "WORD = 'shell'" >layer/python/words.py
cat >app.py <<'CODE'
from words import WORD

def handler(event, context):
    for record in event.get("Records", []):
        print("handled", record["messageId"])
    return {"word": WORD, "release": 1}
CODE
python3 -m zipfile -c layer.zip layer/python
python3 -m zipfile -c one.zip app.py
sed 's/"release": 1/"release": 2/' app.py >two.py && mv two.py app.py
python3 -m zipfile -c two.zip app.py

layer=$(aws lambda publish-layer-version --layer-name "$name" --zip-file fileb://layer.zip --query LayerVersionArn --output text)
is Pending "$(aws lambda create-function --function-name "$name" --runtime python3.11 --handler app.handler --layers "$layer" \
    --role arn:aws:iam::000000000000:role/lambda-role --zip-file fileb://one.zip --query State --output text)"
aws lambda wait function-active-v2 --function-name "$name"

is 200 "$(aws lambda invoke --function-name "$name" --payload '{"a": 1}' answer --query StatusCode --output text)"
is '{"word": "shell", "release": 1}' "$(cat answer)"
aws lambda invoke --function-name "$name" --log-type Tail answer --query LogResult --output text | base64 -d | grep -q '^REPORT RequestId'
is 202 "$(aws lambda invoke --function-name "$name" --invocation-type Event answer --query StatusCode --output text)"
is 204 "$(aws lambda invoke --function-name "$name" --invocation-type DryRun answer --query StatusCode --output text)"

is 1 "$(aws lambda publish-version --function-name "$name" --query Version --output text)"
aws lambda create-alias --function-name "$name" --name live --function-version 1 >out
is 2 "$(aws lambda update-function-code --function-name "$name" --zip-file fileb://two.zip --publish --query Version --output text)"
aws lambda wait function-updated-v2 --function-name "$name"
aws lambda update-alias --function-name "$name" --name live --function-version 1 --routing-config AdditionalVersionWeights={2=1.0} >out
is 2 "$(aws lambda invoke --function-name "$name:live" answer --query ExecutedVersion --output text)"
is '{"word": "shell", "release": 2}' "$(cat answer)"

url=$($sqs create-queue --queue-name "$name" --query QueueUrl --output text)
arn=$($sqs get-queue-attributes --queue-url "$url" --attribute-names QueueArn --query Attributes.QueueArn --output text)
own=$(aws lambda create-event-source-mapping --function-name "$name:live" --event-source-arn "$arn" --batch-size 1 --query UUID --output text)
message=$($sqs send-message --queue-url "$url" --message-body paid --query MessageId --output text)
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    aws logs filter-log-events --log-group-name "/aws/lambda/$name" --filter-pattern handled --query 'events[].message' --output text >out
    if grep -q "handled $message" out; then break; fi
    sleep 1
done
grep -q "handled $message" out

aws lambda put-function-concurrency --function-name "$name" --reserved-concurrent-executions 0 >out
fails TooManyRequestsException aws lambda invoke --function-name "$name" answer
aws lambda delete-function-concurrency --function-name "$name"

aws lambda update-function-configuration --function-name "$name" --timeout 7 --environment 'Variables={STAGE=next}' >out
aws lambda wait function-updated-v2 --function-name "$name"
is "7	next" "$(aws lambda get-function-configuration --function-name "$name" --query '[Timeout, Environment.Variables.STAGE]' --output text)"

is Deleting "$(aws lambda delete-event-source-mapping --uuid "$own" --query State --output text)"
aws lambda delete-alias --function-name "$name" --name live
aws lambda delete-function --function-name "$name"
fails ResourceNotFoundException aws lambda get-function --function-name "$name"
aws lambda delete-layer-version --layer-name "$name" --version-number 1
echo done
