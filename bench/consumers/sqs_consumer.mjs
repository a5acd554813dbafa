// npm sqs-consumer as its README shows it: batches of ten, handled and deleted. Arguments: folder it is installed in, endpoint, queue URL, tally.
import fs from "node:fs";
import { createRequire } from "node:module";

const [folder, endpoint, queueUrl, tally] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { Consumer } = require("sqs-consumer");
const { SQSClient } = require("@aws-sdk/client-sqs");

const file = fs.openSync(tally, "a");
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

const consumer = Consumer.create({
  queueUrl,
  sqs: new SQSClient({ endpoint, region: "us-east-1" }),
  batchSize: 10,
  waitTimeSeconds: 20,
  handleMessageBatch: async (messages) => {
    fs.writeSync(file, `${now()} ${messages.length}\n`);
    return messages;
  },
});
for (const event of ["error", "processing_error"]) consumer.on(event, (problem) => console.error(event, problem.message));
consumer.start();
