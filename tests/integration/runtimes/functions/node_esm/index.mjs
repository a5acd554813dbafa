import { env, exit, kill, pid } from "node:process";
import { setTimeout } from "node:timers/promises";

const actions = {
  echo: (event, context) => ({ event, request: context.awsRequestId, remaining: context.getRemainingTimeInMillis() }),
  boom: () => {
    throw new RangeError("no");
  },
  leave: (event) => exit(event.code),
  hang: () => setTimeout(600_000),
  signal: () => kill(pid, "SIGKILL"),
  env: () => env,
  layer: async () => [(await import("layered")).value, (await import("versioned")).value],
  sdk: async () => typeof (await import("@aws-sdk/client-sqs")).SQSClient,
};
export const handler = async (event, context) => actions[event.do](event, context);
