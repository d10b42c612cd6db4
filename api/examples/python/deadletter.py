"""Puts what can't be read into a topic of our own: the original, and why, and where it stood."""

from datetime import datetime, timezone

from confluent_kafka import Producer

LIMIT = 1_000_000  # Kafka takes 1 MiB; an original of almost that has to fit with what is added to it


class DeadLetters:
    def __init__(self, brokers, topic):
        self.topic = topic
        self.producer = Producer({
            "bootstrap.servers": brokers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": 1_048_588,  # as the brokers'; the client's own limit is lower
        })
        self.failed = None

    def write(self, record, reason):
        headers = list(record.headers() or [])
        key, value, cut = record.key(), record.value(), []
        size = len(key or b"") + sum(len(k) + len(v or b"") + 10 for k, v in headers)
        if size > LIMIT:
            cut.append(f"key and {len(headers)} headers of {size} bytes")
            key, headers, size = (key or b"")[:4096], [], 4096
        if value is not None and len(value) > LIMIT - size:
            cut.append(f"value of {len(value)} bytes")
            value = value[: LIMIT - size]
        at = datetime.fromtimestamp(record.timestamp()[1] / 1000, timezone.utc).isoformat().replace("+00:00", "Z")
        headers += [
            ("dead-letter-reason", reason[:4096].encode()),
            ("dead-letter-topic", record.topic().encode()),
            ("dead-letter-partition", str(record.partition()).encode()),
            ("dead-letter-offset", str(record.offset()).encode()),
            ("dead-letter-time", at.encode()),
        ]
        if cut:
            headers.append(("dead-letter-cut", ", ".join(cut).encode()))
        self.producer.produce(self.topic, key=key, value=value, headers=headers, on_delivery=self.delivered)

    def delivered(self, error, _record):
        self.failed = self.failed or error

    def flush(self):
        """Returns when all letters are durable, or raises: then nothing may be committed."""
        if self.producer.flush(30) > 0:
            raise RuntimeError(f"dead letters to {self.topic}: Kafka has not taken them in 30 s")
        if self.failed:
            raise RuntimeError(f"dead letters to {self.topic}: {self.failed}")
