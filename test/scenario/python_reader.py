#!/usr/bin/env python3
"""BOOTSTRAP TOPIC COUNT: prints so many values of partition 0, each as its length, a space, its bytes and a newline."""
import sys

import kafka

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=10_000, check_crcs=True)
partition = kafka.TopicPartition(topic, 0)
consumer.assign([partition])
consumer.seek_to_beginning(partition)
for number, record in enumerate(consumer, 1):
    sys.stdout.buffer.write(b"%d %s\n" % (len(record.value), record.value))
    if number == count:
        break
consumer.close()
