"""Keeps the latest contact per id from call-routing.contact-events.v1, or from the compacted contact-state.

    records ──▶ read ──▶ void? older? ──▶ SQLite ──▶ offsets
                 └── nothing we know ──▶ dead letters ─▶

Start it twice and the two share the partitions. SIGTERM or Ctrl-C ends it; what it then has goes to --out as JSON lines.
"""

import argparse
import logging
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "gen"))  # generated types name each other from there

from busyhour.common.v1.common_pb2 import Gap  # noqa: E402
from confluent_kafka import Consumer, KafkaError, KafkaException  # noqa: E402

from deadletter import DeadLetters  # noqa: E402
from events import STATE_TOPIC, Marker, Refused, read  # noqa: E402
from store import Store  # noqa: E402

log = logging.getLogger("contacts")


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--brokers", default="127.0.0.1:9092", help="brokers to begin with, host:port")
    p.add_argument("--group", required=True, help="consumer group; begin it with the name of your team")
    p.add_argument("--topic", default="call-routing.contact-events.v1", help=f"or {STATE_TOPIC}")
    p.add_argument("--tenant", action="append", default=[], help="only contacts of this tenant; may be given again")
    p.add_argument("--state", required=True, help="SQLite file; members of the group share it")
    p.add_argument("--dead-letter", required=True, help="topic of yours for what can't be read")
    p.add_argument("--out", default="/dev/stdout", help="where the contacts are written in the end")
    p.add_argument("--refresh", type=float, default=60, help="seconds between looks whether the topic has grown")
    return p.parse_args()


def connect(args):
    consumer = Consumer({
        "bootstrap.servers": args.brokers,
        "group.id": args.group,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": True,  # of what store_offsets says, every half second and when a partition is given up
        "auto.commit.interval.ms": 500,
        "enable.auto.offset.store": False,
        "session.timeout.ms": 10000,
        "heartbeat.interval.ms": 300,  # a rebalance begins with a heartbeat: this is its pause
        "topic.metadata.refresh.interval.ms": int(args.refresh * 1000),
    })
    consumer.subscribe([args.topic])
    return consumer


def apply(args, store, letters, record):
    try:
        said = read(record)
    except Refused as e:
        log.warning("to the dead letters: %s (partition %d, offset %d)", e, record.partition(), record.offset())
        letters.write(record, str(e))
        return
    if isinstance(said, Marker):
        if record.topic() != STATE_TOPIC:  # in a compacted topic nothing is void
            for tenant in said.tenants:
                store.fence(record.topic(), record.partition(), tenant, said.epoch)
    elif isinstance(said, Gap):
        log.warning("the history of %s has a gap from %s to %s", said.tenant, getattr(said, "from").ToJsonString(), said.to.ToJsonString())
    elif not args.tenant or said.tenant in args.tenant:
        if not store.is_void(record.topic(), record.partition(), said):
            store.keep(said)


def usable(records):
    """Leaves out what the client has to say of itself. It mends what it can; the rest ends us."""
    for record in records:
        error = record.error()
        if error is None:
            yield record
        elif error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise KafkaException(error)
        else:
            log.warning("Kafka: %s", error)


def take(consumer, store, letters, records, args):
    """A batch: first what it brings about is kept, then its offsets are."""
    with store.transaction():
        for record in records:
            apply(args, store, letters, record)
    letters.flush()
    for record in records:
        try:
            consumer.store_offsets(record)
        except KafkaException:  # the partition was taken away meanwhile: its next owner reads the record again
            pass


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = arguments()
    stopping = []
    for s in signal.SIGTERM, signal.SIGINT:
        signal.signal(s, lambda *_: stopping.append(True))
    store, letters, consumer = Store(args.state), DeadLetters(args.brokers, args.dead_letter), connect(args)
    try:
        while not stopping:
            records = list(usable(consumer.consume(500, timeout=0.2)))
            if records:
                take(consumer, store, letters, records, args)
    finally:
        consumer.close()
    with open(args.out, "w") as out:
        for line in store.lines():
            print(line, file=out)
    store.close()


if __name__ == "__main__":
    main()
