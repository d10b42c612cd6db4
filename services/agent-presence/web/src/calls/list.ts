// The oldest calls of a tenant, for a supervisor: asked for while the list is open, and each can be closed, whatever state
// it is in.

import { backoff } from "../desk/backoff";
import { call, type Post } from "../figures/rpc";
import { CloseContactResponse, ListContactsResponse, type CloseOutcome, type Contact } from "../wire/wire";

export interface CallsView {
  readonly open: boolean;
  // undefined until the first answer; oldest first.
  readonly contacts: readonly Contact[] | undefined;
  // There are more than these.
  readonly more: boolean;
  // Why the latest question was not answered.
  readonly trouble: string;
  // Contacts whose closing is on its way.
  readonly closing: ReadonlySet<string>;
  // What became of the latest closing, in words.
  readonly said: string;
  readonly failed: boolean;
}

export interface CallsConfig {
  readonly post?: Post;
  readonly random?: () => number;
}

const service = "busyhour.routing.v1.RoutingService";
const every = 2_000;
const patience = 5_000;
export const shown = 10;

const closed: CallsView = {
  open: false,
  contacts: undefined,
  more: false,
  trouble: "",
  closing: new Set(),
  said: "",
  failed: false,
};

const outcomes: Record<CloseOutcome, string> = {
  OUTCOME_UNSPECIFIED: "Closed",
  OUTCOME_CLOSED: "Closed",
  OUTCOME_ENDED_BEFORE: "It had ended before",
  OUTCOME_CARD_DROPPED: "There is no such call; the card is taken from the screen",
};

export class CallsList {
  #view = closed;
  #views = new Set<() => void>();
  #tenant = "";
  #looked = true;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(private readonly config: CallsConfig = {}) {}

  get(): CallsView {
    return this.#view;
  }

  subscribe(changed: () => void): () => void {
    this.#views.add(changed);
    return () => this.#views.delete(changed);
  }

  // "" closes the list.
  follow(tenant: string): void {
    if (tenant === this.#tenant) return;
    this.#stop();
    this.#tenant = tenant;
    this.#show(closed);
  }

  open(open: boolean): void {
    this.#stop();
    this.#show({ ...closed, open });
    this.#next(0);
  }

  // A page that nobody looks at asks for nothing.
  looked(at: boolean): void {
    if (at === this.#looked) return;
    this.#looked = at;
    if (at) this.#next(0);
    else this.#stop();
  }

  // Ends a call. agentId is on whose screen its card is shown.
  async close(contactId: string, agentId: string, reason: string): Promise<void> {
    if (this.#view.closing.has(contactId)) return;
    this.#closing(contactId, true);
    try {
      const json = await this.#call("CloseContact", { contactId, agentId, reason }, AbortSignal.timeout(patience));
      this.#show({ ...this.#view, said: `${outcomes[CloseContactResponse.read(json, "close").outcome]}.`, failed: false });
    } catch (e) {
      this.#show({ ...this.#view, said: `Not closed: ${words(e)}`, failed: true });
    }
    this.#closing(contactId, false);
    this.#next(0);
  }

  #closing(contactId: string, is: boolean): void {
    const closing = new Set(this.#view.closing);
    if (is) closing.add(contactId);
    else closing.delete(contactId);
    this.#show({ ...this.#view, closing });
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  #next(after: number): void {
    clearTimeout(this.#timer);
    if (this.#tenant && this.#looked && this.#view.open) this.#timer = setTimeout(() => void this.#ask(), after);
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(new Error(`no answer for ${patience / 1000} s`)), patience);
    try {
      const json = await this.#call("ListContacts", { pageSize: shown }, asking.signal);
      if (this.#asking === asking) this.#answered(ListContactsResponse.read(json, "calls"));
    } catch (e) {
      if (this.#asking === asking) this.#wrong(e);
    } finally {
      clearTimeout(late);
    }
  }

  #call(method: string, request: object, signal: AbortSignal): Promise<unknown> {
    return call(`${service}/${method}`, { tenant: this.#tenant, ...request }, signal, this.config.post);
  }

  #answered(list: ListContactsResponse): void {
    this.#failures = 0;
    this.#show({ ...this.#view, contacts: list.contacts, more: list.nextPageToken !== "", trouble: "" });
    this.#next(every);
  }

  #wrong(e: unknown): void {
    this.#failures++;
    this.#show({ ...this.#view, trouble: words(e) });
    this.#next(every + backoff(this.#failures, this.config.random));
  }

  #show(view: CallsView): void {
    this.#view = view;
    for (const changed of this.#views) changed();
  }
}

function words(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
