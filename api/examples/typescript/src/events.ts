// Reads Kafka records as Busyhour's contact events: CloudEvents in binary mode, protobuf inside.

import { type DescMessage, type MessageShape, fromBinary } from "@bufbuild/protobuf";
import type { IHeaders, KafkaMessage } from "kafkajs";
import { type Gap, GapSchema } from "./gen/busyhour/common/v1/common_pb.js";
import { type Contact, ContactEventSchema } from "./gen/busyhour/routing/v1/contact_pb.js";

export const stateTopic = "call-routing.contact-state.v1";
const maxBytes = 512 * 1024;

// The record is nothing that this version can read. It goes to the dead letters with this reason.
export class Refused extends Error {
  constructor(code: string, words: string) {
    super(`${code}: ${words}`);
  }
}

// Behind it, in its partition, events of these tenants with a lower epoch are void.
export interface Marker {
  readonly what: "marker";
  readonly tenants: readonly string[];
  readonly epoch: number;
}

// History that is missing for good.
export interface Missing {
  readonly what: "gap";
  readonly gap: Gap;
}

// The contact as it is after an event; null if it was forgotten.
export interface Change {
  readonly what: "change";
  readonly tenant: string;
  readonly id: string;
  readonly revision: bigint; // epoch * 2**32 + n
  readonly contact: Contact | null;
}

export const epochOf = (c: Change): number => Number(c.revision >> 32n);

// Greater is newer; a tombstone is newer than the event of the same revision.
export const versionOf = (c: Change): bigint => 2n * c.revision + (c.contact === null ? 1n : 0n);

// Tells what a record says, or throws Refused.
export function read(topic: string, record: KafkaMessage): Marker | Missing | Change {
  const headers = headersOf(record.headers);
  const type = headers.get("ce_type") ?? "";
  if (type === "busyhour.epoch.v1") return readMarker(record);
  if (record.value === null && topic === stateTopic) {
    return { what: "change", tenant: headers.get("ce_tenant") ?? "", id: idOf(headers), revision: revisionOf(headers), contact: null };
  }
  check(headers);
  if (type === "busyhour.routing.gap.v1") return { what: "gap", gap: parse(GapSchema, record) };
  // A kind that is new in this version is told from the payload, which has the whole contact.
  if (!/^busyhour\.routing\.contact\.[^.]+\.v1$/.test(type)) throw new Refused("TYPE_UNKNOWN", `header ce_type is "${type.slice(0, 128)}"`);
  return readContact(record, headers);
}

function headersOf(headers: IHeaders | undefined): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(headers ?? {})) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) all.set(key, first.toString());
  }
  return all;
}

function check(headers: Map<string, string>): void {
  const version = headers.get("ce_specversion");
  if (version !== "1.0") throw new Refused("NOT_A_CLOUDEVENT", `header ce_specversion is "${version}", want "1.0"`);
  const content = headers.get("content-type");
  if (content !== "application/protobuf") throw new Refused("CONTENT_TYPE_UNKNOWN", `header content-type is "${content}"`);
  if (!headers.get("ce_tenant")) throw new Refused("HEADER_MISSING", "header ce_tenant");
}

function parse<D extends DescMessage>(schema: D, record: KafkaMessage): MessageShape<D> {
  if (record.value === null) throw new Refused("MALFORMED", "there is no value; tombstones are in compacted topics only");
  if (record.value.length > maxBytes) throw new Refused("TOO_LARGE", `the value has ${record.value.length} bytes, at most ${maxBytes} are read`);
  try {
    return fromBinary(schema, record.value);
  } catch (e) {
    throw new Refused("MALFORMED", `the value is no ${schema.typeName}: ${e}`);
  }
}

function readMarker(record: KafkaMessage): Marker {
  try {
    const { tenants, epoch } = JSON.parse(record.value?.toString() ?? "") as { tenants: unknown; epoch: unknown };
    if (!Array.isArray(tenants) || typeof epoch !== "number") throw new Error("it names no tenants, or no epoch");
    return { what: "marker", tenants: tenants.map(String), epoch };
  } catch (e) {
    throw new Refused("MALFORMED", `a marker that can't be read: ${e}`);
  }
}

function readContact(record: KafkaMessage, headers: Map<string, string>): Change {
  const event = parse(ContactEventSchema, record);
  const { contact, revision } = event;
  const change = { what: "change", tenant: headers.get("ce_tenant")!, id: idOf(headers), revision: revisionOf(headers) } as const;
  // Bytes of another message often decode, so what the payload says of itself is compared with the headers.
  if (contact?.id !== change.id) throw new Refused("WRONG_SUBJECT", `header ce_subject is of "${change.id}", the payload is about "${contact?.id}"`);
  if (contact.tenant !== change.tenant) throw new Refused("WRONG_TENANT", `header ce_tenant is "${change.tenant}", the payload is of "${contact.tenant}"`);
  if (((BigInt(revision?.epoch ?? 0) << 32n) | BigInt(revision?.n ?? 0)) !== change.revision) {
    throw new Refused("WRONG_REVISION", `header ce_revision is ${change.revision}, the payload has ${revision?.epoch}.${revision?.n}`);
  }
  return { ...change, contact };
}

function idOf(headers: Map<string, string>): string {
  const subject = headers.get("ce_subject") ?? "";
  if (!subject.startsWith("contact:")) throw new Refused("WRONG_SUBJECT", `header ce_subject is "${subject.slice(0, 128)}"`);
  return subject.slice("contact:".length);
}

function revisionOf(headers: Map<string, string>): bigint {
  const text = headers.get("ce_revision") ?? "";
  if (!/^\d{1,19}$/.test(text)) throw new Refused("HEADER_INVALID", `header ce_revision is "${text.slice(0, 64)}", want a number`);
  return BigInt(text);
}
