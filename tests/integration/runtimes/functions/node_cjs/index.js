const actions = {
  echo: (event, context) => ({ event, request: context.awsRequestId, remaining: context.getRemainingTimeInMillis() }),
  boom: () => {
    throw new RangeError("no");
  },
  leave: (event) => process.exit(event.code),
  hang: () => new Promise(() => setInterval(() => {}, 1000)),
  signal: () => process.kill(process.pid, "SIGKILL"),
  env: () => process.env,
  layer: () => [require("layered").value, require("versioned").value],
  sdk: () => typeof require("@aws-sdk/client-sqs").SQSClient,
};
exports.handler = async (event, context) => actions[event.do](event, context);
exports.callback = (event, context, callback) => callback(null, "called back");
