// How messages of protobuf's JSON mapping are described and read.
//
// A description is a value: from it follow the TypeScript type (Of), the reader (read), and the check against the
// .proto files (wire.test.ts). Readers fill in what the mapping leaves out, ignore fields they do not know, and throw
// Unreadable with the path of what they could not read.

export interface Type<T> {
  // The name of the type in a .proto file; "list of …" and "map of …" for repeated and map fields.
  readonly proto: string;
  // undefined and null are what the mapping leaves out.
  read(json: unknown, path: string): T;
}

export type Of<T> = T extends Type<infer V> ? V : never;

export class Unreadable extends Error {
  constructor(path: string, want: string, got: unknown) {
    super(`${path}: want ${want}, got ${JSON.stringify(got)?.slice(0, 80) ?? typeof got}`);
  }
}

function absent(json: unknown): json is undefined | null {
  return json === undefined || json === null;
}

export const text: Type<string> = {
  proto: "string",
  read(json, path) {
    if (absent(json)) return "";
    if (typeof json !== "string") throw new Unreadable(path, "a string", json);
    return json;
  },
};

export const flag: Type<boolean> = {
  proto: "bool",
  read(json, path) {
    if (absent(json)) return false;
    if (typeof json !== "boolean") throw new Unreadable(path, "a boolean", json);
    return json;
  },
};

// The mapping writes 32-bit numbers as numbers and 64-bit numbers as strings; both forms are read for both.
function unsigned(proto: string): Type<number> {
  return {
    proto,
    read(json, path) {
      if (absent(json)) return 0;
      const n = typeof json === "string" && json !== "" ? Number(json) : json;
      if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 0) throw new Unreadable(path, `a ${proto}`, json);
      return n;
    },
  };
}

export const uint32 = unsigned("uint32");
export const uint64 = unsigned("uint64");

// Base64, as the mapping has it.
export const bytes: Type<string> = { proto: "bytes", read: text.read };

// Milliseconds since 1970 by the server's clock; 0 is "not set".
export const timestamp: Type<number> = {
  proto: "google.protobuf.Timestamp",
  read(json, path) {
    if (absent(json)) return 0;
    const ms = typeof json === "string" ? Date.parse(json) : NaN;
    if (Number.isNaN(ms)) throw new Unreadable(path, "an RFC 3339 time", json);
    return ms;
  },
};

export interface Enum<V extends string> extends Type<V> {
  readonly values: readonly V[];
}

// A value from a newer server reads as the first one, …_UNSPECIFIED.
export function oneOf<const V extends string>(proto: string, ...values: [V, ...V[]]): Enum<V> {
  return {
    proto,
    values,
    read: (json) => values.find((v) => v === json) ?? values[0],
  };
}

type Fields = Record<string, Type<unknown>>;

export interface Message<F extends Fields> extends Type<{ [K in keyof F]: Of<F[K]> }> {
  readonly fields: F;
}

export function message<F extends Fields>(proto: string, fields: F): Message<F> {
  return {
    proto,
    fields,
    read(json, path) {
      const from = absent(json) ? {} : json;
      if (typeof from !== "object" || Array.isArray(from)) throw new Unreadable(path, `a ${proto}`, json);
      const into: Record<string, unknown> = {};
      for (const [name, type] of Object.entries(fields)) {
        into[name] = type.read((from as Record<string, unknown>)[name], `${path}.${name}`);
      }
      return into as { [K in keyof F]: Of<F[K]> };
    },
  };
}

// A message that may be missing, as each arm of a oneof is.
export function maybe<T>(type: Type<T>): Type<T | undefined> {
  return { proto: type.proto, read: (json, path) => (absent(json) ? undefined : type.read(json, path)) };
}

export function list<T>(type: Type<T>): Type<readonly T[]> {
  return {
    proto: `list of ${type.proto}`,
    read(json, path) {
      if (absent(json)) return [];
      if (!Array.isArray(json)) throw new Unreadable(path, "a list", json);
      return json.map((item, i) => type.read(item, `${path}[${i}]`));
    },
  };
}

export const textMap: Type<Readonly<Record<string, string>>> = {
  proto: "map of string to string",
  read(json, path) {
    if (absent(json)) return {};
    if (typeof json !== "object" || Array.isArray(json)) throw new Unreadable(path, "a map", json);
    return Object.fromEntries(Object.entries(json).map(([k, v]) => [k, text.read(v, `${path}.${k}`)]));
  },
};
