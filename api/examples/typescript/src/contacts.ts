// Keeps the latest contact per id from call-routing.contact-events.v1, or from the compacted contact-state.
//
//   records ──▶ read ──▶ void? older? ──▶ LMDB ──▶ offsets
//                └── nothing we know ──▶ dead letters ─▶
//
// Start it twice and the two share the partitions. SIGTERM or Ctrl-C ends it; what it then has goes to --out as JSON lines.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type EachBatchPayload, Kafka, type KafkaMessage, logLevel } from "kafkajs";
import { DeadLetters } from "./deadletter.js";
import { Refused, read, stateTopic } from "./events.js";
import { Store } from "./store.js";

const { values: args } = parseArgs({
  options: {
    brokers: { type: "string", default: "127.0.0.1:9092" },
    group: { type: "string" }, // begin it with the name of your team
    topic: { type: "string", default: "call-routing.contact-events.v1" },
    tenant: { type: "string", multiple: true, default: [] }, // only contacts of these
    state: { type: "string" }, // LMDB file; members of the group share it
    "dead-letter": { type: "string" }, // topic of yours for what can't be read
    out: { type: "string", default: "/dev/stdout" }, // where the contacts are written in the end
    refresh: { type: "string", default: "60" }, // seconds between looks whether the topic has grown
  },
});
const { group, state, topic, tenant: tenants, "dead-letter": deadLetter } = args;
if (!group || !state || !deadLetter) {
  console.error("say --group, --state and --dead-letter");
  process.exit(2);
}

const kafka = new Kafka({ clientId: "contacts-example", brokers: args.brokers.split(","), logLevel: logLevel.WARN, retry: { retries: 30, maxRetryTime: 5000 } });
const letters = new DeadLetters(kafka, deadLetter);
const store = new Store(state);
const consumer = kafka.consumer({
  groupId: group,
  allowAutoTopicCreation: false,
  readUncommitted: false,
  metadataMaxAge: Number(args.refresh) * 1000,
  sessionTimeout: 10_000,
  rebalanceTimeout: 30_000,
  heartbeatInterval: 300, // a rebalance begins with a heartbeat: this is its pause
  maxWaitTimeInMs: 250,
  retry: { retries: 30, maxRetryTime: 5000, restartOnFailure: async () => true },
});

// A batch: first what it brings about is kept, then its offsets are.
async function take({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }: EachBatchPayload): Promise<void> {
  const refused: [KafkaMessage, Refused][] = [];
  store.transaction(() => {
    for (const record of batch.messages) {
      try {
        apply(batch.topic, batch.partition, record);
      } catch (e) {
        if (!(e instanceof Refused)) throw e;
        refused.push([record, e]);
      }
    }
  });
  for (const [record, e] of refused) {
    console.error(`to the dead letters: ${e.message} (partition ${batch.partition}, offset ${record.offset})`);
    await letters.write(batch.topic, batch.partition, record, e.message);
  }
  resolveOffset(batch.lastOffset());
  await commitOffsetsIfNecessary();
  await heartbeat();
}

function apply(topic: string, partition: number, record: KafkaMessage): void {
  const said = read(topic, record);
  switch (said.what) {
    case "marker":
      if (topic === stateTopic) return; // in a compacted topic nothing is void
      for (const tenant of said.tenants) store.fence(topic, partition, tenant, said.epoch);
      return;
    case "gap": {
      const { tenant, from, to } = said.gap;
      console.error(`the history of ${tenant} has a gap from ${from && timestampDate(from).toISOString()} to ${to && timestampDate(to).toISOString()}`);
      return;
    }
    case "change":
      if (tenants.length > 0 && !tenants.includes(said.tenant)) return;
      if (!store.isVoid(topic, partition, said)) store.keep(said);
  }
}

async function end(): Promise<void> {
  await consumer.disconnect(); // what is in hand is finished and committed, and the group left
  await letters.disconnect();
  writeFileSync(args.out, [...store.lines()].map((line) => line + "\n").join(""));
  await store.close();
  process.exit(0);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end());
await letters.connect();
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({ autoCommitInterval: 500, eachBatchAutoResolve: false, eachBatch: take });
