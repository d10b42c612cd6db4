// Keeps the latest contact per id, and the markers, in an LMDB file that the members of the group share.

import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { open } from "lmdb";
import { type Change, epochOf, versionOf } from "./events.js";
import { ContactSchema } from "./gen/busyhour/routing/v1/contact_pb.js";

interface Kept {
  readonly version: string;
  readonly contact: JsonValue;
}

export class Store {
  readonly #root;
  readonly #contacts;
  readonly #fences;

  constructor(path: string) {
    this.#root = open({ path, overlappingSync: false });
    this.#contacts = this.#root.openDB<Kept, [tenant: string, id: string]>({ name: "contacts" });
    this.#fences = this.#root.openDB<number, [topic: string, partition: number, tenant: string]>({ name: "fences" });
  }

  // A batch of records is kept together, and on the disk when this returns: then its offsets may be committed.
  transaction(work: () => void): void {
    this.#root.transactionSync(work);
  }

  fence(topic: string, partition: number, tenant: string, epoch: number): void {
    const key: [string, number, string] = [topic, partition, tenant];
    this.#fences.putSync(key, Math.max(epoch, this.#fences.get(key) ?? 0));
  }

  isVoid(topic: string, partition: number, change: Change): boolean {
    return epochOf(change) < (this.#fences.get([topic, partition, change.tenant]) ?? 0);
  }

  // Newer wins: a repeat, and what comes late from where the key lived before the topic grew, changes nothing.
  keep(change: Change): void {
    const key: [string, string] = [change.tenant, change.id];
    const held = this.#contacts.get(key);
    if (held && BigInt(held.version) >= versionOf(change)) return;
    const contact = change.contact && toJson(ContactSchema, change.contact);
    this.#contacts.putSync(key, { version: versionOf(change).toString(), contact });
  }

  // Every contact that is not forgotten, as JSON.
  *lines(): Generator<string> {
    for (const { key, value } of this.#contacts.getRange()) {
      if (value.contact === null) continue;
      const [tenant, id] = key;
      yield JSON.stringify({ tenant, id, revision: (BigInt(value.version) >> 1n).toString(), contact: value.contact });
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}
