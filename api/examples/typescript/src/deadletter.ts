// Puts what can't be read into a topic of our own: the original, and why, and where it stood.

import { type IHeaders, type Kafka, type KafkaMessage, Partitioners, type Producer } from "kafkajs";

const limit = 1_000_000; // Kafka takes 1 MiB; an original of almost that has to fit with what is added to it

export class DeadLetters {
  readonly #producer: Producer;
  readonly #topic: string;

  constructor(kafka: Kafka, topic: string) {
    this.#topic = topic;
    this.#producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
  }

  connect(): Promise<void> {
    return this.#producer.connect();
  }

  // Returns when the letter is durable.
  async write(topic: string, partition: number, record: KafkaMessage, reason: string): Promise<void> {
    let { key, value } = record;
    let headers: IHeaders = { ...record.headers };
    const cut: string[] = [];
    let size = (key?.length ?? 0) + sizeOf(headers);
    if (size > limit) {
      cut.push(`key and headers of ${size} bytes`);
      key = key?.subarray(0, 4096) ?? null;
      headers = {};
      size = 4096;
    }
    if (value !== null && value.length > limit - size) {
      cut.push(`value of ${value.length} bytes`);
      value = value.subarray(0, limit - size);
    }
    Object.assign(headers, {
      "dead-letter-reason": reason.slice(0, 4096),
      "dead-letter-topic": topic,
      "dead-letter-partition": String(partition),
      "dead-letter-offset": record.offset,
      "dead-letter-time": new Date(Number(record.timestamp)).toISOString(),
      ...(cut.length > 0 && { "dead-letter-cut": cut.join(", ") }),
    });
    await this.#producer.send({ topic: this.#topic, acks: -1, messages: [{ key, value, headers }] });
  }

  disconnect(): Promise<void> {
    return this.#producer.disconnect();
  }
}

function sizeOf(headers: IHeaders): number {
  return Object.entries(headers).reduce((n, [key, value]) => n + key.length + [value].flat().reduce((m, v) => m + (v?.length ?? 0) + 10, 0), 0);
}
