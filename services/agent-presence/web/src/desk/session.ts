// What one tab remembers over a reload: the log-in, its screen id, and the highest epochs it has seen.

import { noEpochs, type Epochs } from "./held";

export interface Session {
  readonly tenant: string;
  readonly agentId: string;
  // Empty until the server named one.
  readonly screenId: string;
  readonly epochs: Epochs;
}

const key = "busyhour.session";

// The part of Storage that is used.
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export function recall(store: Store): Session | undefined {
  try {
    const s = JSON.parse(store.getItem(key) ?? "null") as Partial<Session> | null;
    if (!s?.tenant || !s.agentId) return undefined;
    return { tenant: s.tenant, agentId: s.agentId, screenId: s.screenId ?? "", epochs: { ...noEpochs, ...s.epochs } };
  } catch {
    return undefined; // not ours, or from another time
  }
}

export function remember(store: Store, session: Session): void {
  store.setItem(key, JSON.stringify(session));
}

export function forget(store: Store): void {
  store.removeItem(key);
}
