// Holds wire.ts against the .proto files, so that neither can drift without the other.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as wire from "./wire";
import { Unreadable, type Enum, type Message, type Type } from "./schema";

const root = new URL("../../../../../api/proto/", import.meta.url);
const files = [
  "busyhour/common/v1/common.proto",
  "busyhour/presence/v1/presence.proto",
  "busyhour/presence/v1/desktop.proto",
  "busyhour/routing/v1/contact.proto",
  "busyhour/routing/v1/routing.proto",
  "busyhour/provisioning/v1/job.proto",
];

interface Declared {
  messages: Map<string, Map<string, string>>; // full name → JSON name → type
  enums: Map<string, string[]>;
}

// declarations reads messages and enums out of a .proto file: names, fields and their types, nothing else.
function declarations(source: string, into: Declared): void {
  const tokens = source.replace(/\/\/.*$/gm, "").match(/"[^"]*"|[\w.]+|[{}[\]<>=;,()]/g) ?? [];
  const scope: { kind: string; name: string }[] = [];
  let pkg = "";
  let statement: string[] = [];
  let depth = 0; // within [ … ] or a { … } of options
  const full = (name: string) => [pkg, ...scope.filter((s) => s.kind === "message").map((s) => s.name), name].join(".");
  for (const token of tokens) {
    if (token === "[") depth++;
    if (depth > 0) {
      if (token === "]") depth--;
      continue;
    }
    if (token === "{") {
      const [kind = "", name = ""] = statement;
      if (kind === "message") into.messages.set(full(name), new Map());
      if (kind === "enum") into.enums.set(full(name), []);
      scope.push({ kind, name });
      statement = [];
    } else if (token === "}") {
      scope.pop();
      statement = [];
    } else if (token === ";") {
      if (statement[0] === "package") pkg = statement[1] ?? "";
      declare(statement, scope, full, into);
      statement = [];
    } else {
      statement.push(token);
    }
  }
}

function declare(s: string[], scope: { kind: string; name: string }[], full: (n: string) => string, into: Declared): void {
  const inside = scope.at(-1);
  if (!inside || s.at(-2) !== "=" || s[0] === "option" || s[0] === "reserved") return;
  const name = s.at(-3) ?? "";
  const owner = full("").replace(/\.$/, "");
  if (inside.kind === "enum") into.enums.get(`${owner}.${inside.name}`)?.push(name);
  if (inside.kind !== "message" && inside.kind !== "oneof") return;
  const type =
    s[0] === "map" ? `map of ${s[2]} to ${s[4]}` : s[0] === "repeated" ? `list of ${s[1]}` : s[0] === "optional" ? s[1] : s[0];
  into.messages.get(owner)?.set(jsonName(name), type ?? "");
}

function jsonName(field: string): string {
  return field.replace(/_(\w)/g, (_, c: string) => c.toUpperCase());
}

const declared: Declared = { messages: new Map(), enums: new Map() };
for (const file of files) declarations(readFileSync(new URL(file, root), "utf8"), declared);

const described = Object.values(wire).filter((d) => "proto" in d) as Type<unknown>[];
const messages = described.filter((d): d is Message<Record<string, Type<unknown>>> => "fields" in d);
const enums = described.filter((d): d is Enum<string> => "values" in d);

// A .proto names a type of its own package, or of its own message, in short.
function sameType(short: string, long: string): boolean {
  const [, prefix = "", name = ""] = /^(list of )?(.*)$/.exec(short) ?? [];
  return long === short || (long.startsWith(prefix) && long.endsWith(`.${name}`));
}

test("the .proto files are read", () => {
  expect(declared.messages.get("busyhour.routing.v1.Decision.PassedOver")).toEqual(
    new Map([
      ["agentId", "string"],
      ["reason", "string"],
    ]),
  );
  expect(declared.messages.size).toBeGreaterThan(40);
  expect(messages.length).toBeGreaterThan(20);
});

test.each(messages.map((m) => [m.proto, m] as const))("%s has the fields of its .proto", (name, m) => {
  const proto = declared.messages.get(name);
  if (!proto) throw new Error(`no .proto file declares ${name}`);
  const known = [...Object.keys(m.fields), ...(wire.unread[name] ?? [])];
  expect([...proto.keys()].filter((f) => !known.includes(f)), "describe these in wire.ts, or name them in unread").toEqual([]);
  expect(known.filter((f) => !proto.has(f)), `these are not in the .proto`).toEqual([]);
  for (const [field, type] of Object.entries(m.fields)) {
    const want = proto.get(field) ?? "";
    expect(sameType(want, type.proto), `${name}.${field} is ${want} in the .proto, ${type.proto} here`).toBe(true);
  }
});

test.each(enums.map((e) => [e.proto, e] as const))("%s has the values of its .proto", (name, e) => {
  expect(e.values).toEqual(declared.enums.get(name));
});

test("what the mapping leaves out is filled in", () => {
  expect(wire.ServerFrame.read({ verification: {} }, "frame").verification).toEqual({ verified: false, phase: "", read: 0, total: 0 });
  expect(wire.Card.read({ contactId: "c-1" }, "card")).toMatchObject({
    state: "CONTACT_STATE_UNSPECIFIED",
    deadline: 0,
    attributes: {},
    revision: { epoch: 0, n: 0 },
  });
});

test("numbers, times and values from a newer server are read", () => {
  const q = wire.QueueFigures.read({ waiting: 3, oldestWaitMs: "61000", somethingNew: [] }, "q");
  expect(q).toMatchObject({ waiting: 3, oldestWaitMs: 61000 });
  const card = wire.Card.read({ state: "CONTACT_STATE_TELEPORTED", since: "2026-11-23T10:00:00.123456789Z" }, "card");
  expect(card.state).toBe("CONTACT_STATE_UNSPECIFIED");
  expect(card.since).toBe(Date.UTC(2026, 10, 23, 10, 0, 0, 123));
});

test("what cannot be read is named by its path", () => {
  const frame = { workloadChanged: { changed: [{ contactId: "c-1" }, { contactId: 7 }] } };
  expect(() => wire.ServerFrame.read(frame, "frame")).toThrow(
    new Unreadable("frame.workloadChanged.changed[1].contactId", "a string", 7),
  );
});
