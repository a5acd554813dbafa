"""Messages for every source of the stack, some of them bad, until it is stopped. It runs in pollerd's own image, which has the clients."""

import json
import random
import time

import boto3
from kafka import KafkaProducer
from redis import Redis


def main():
    queue = boto3.client("sqs", endpoint_url="http://sqs:9324")
    orders, reports = (queue.get_queue_url(QueueName=name)["QueueUrl"] for name in ("orders", "reports"))
    producer = KafkaProducer(bootstrap_servers="kafka:9092")
    redis = Redis("redis")
    for number in range(1_000_000_000):
        order = {"order": number} if random.random() > 0.02 else {"order?": number}
        queue.send_message(QueueUrl=orders, MessageBody=json.dumps(order))
        if number % 10 == 0:
            queue.send_message(QueueUrl=reports, MessageBody=json.dumps({"report": number}))
        redis.xadd("clicks", {"page": random.choice("abc"), "number": number}, maxlen=100_000)
        amount = random.randint(1, 100) if random.random() > 0.005 else -1
        producer.send("payments", json.dumps({"amount": amount}).encode(), key=str(number % 20).encode())
        time.sleep(0.05)  # twenty of each a second, at most


main()
