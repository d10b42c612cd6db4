// Who works with the jobs of which tenant: the agent who is logged in, or who said so on the gate of the jobs' pages. A
// tenant without agents has to get its first ones somehow.

import { Subject } from "./subject";

export interface Admin {
  readonly tenant: string;
  // Stands in the jobs as who asked.
  readonly actor: string;
}

const key = "busyhour.admin";

export class AdminSession extends Subject<{ readonly admin: Admin | undefined }> {
  constructor(private readonly store: Pick<Storage, "getItem" | "setItem" | "removeItem">) {
    super({ admin: read(store) });
  }

  enter(admin: Admin): void {
    this.store.setItem(key, JSON.stringify(admin));
    this.show({ admin });
  }

  leave(): void {
    this.store.removeItem(key);
    this.show({ admin: undefined });
  }
}

function read(store: Pick<Storage, "getItem">): Admin | undefined {
  try {
    const { tenant, actor } = JSON.parse(store.getItem(key) ?? "{}") as Partial<Admin>;
    return tenant && actor ? { tenant, actor } : undefined;
  } catch {
    return undefined;
  }
}
