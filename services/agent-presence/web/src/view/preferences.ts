// What a person likes on this machine: kept over log-ins.

export interface Likes {
  readonly sound: boolean;
  // The keys A and D, which a person who uses speech input wants off.
  readonly keys: boolean;
  // The tenant of the last log-in, to fill in the form.
  readonly tenant: string;
}

const key = "busyhour.preferences";
const likes: Likes = { sound: false, keys: true, tenant: "" };

export class Preferences {
  #likes: Likes;
  #views = new Set<() => void>();

  constructor(private readonly store: Pick<Storage, "getItem" | "setItem">) {
    this.#likes = { ...likes, ...read(store) };
  }

  get(): Likes {
    return this.#likes;
  }

  set(change: Partial<Likes>): void {
    this.#likes = { ...this.#likes, ...change };
    this.store.setItem(key, JSON.stringify(this.#likes));
    for (const changed of this.#views) changed();
  }

  subscribe(changed: () => void): () => void {
    this.#views.add(changed);
    return () => this.#views.delete(changed);
  }
}

function read(store: Pick<Storage, "getItem">): Partial<Likes> {
  try {
    return JSON.parse(store.getItem(key) ?? "{}") as Partial<Likes>;
  } catch {
    return {};
  }
}
