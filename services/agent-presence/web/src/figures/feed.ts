// The live figures of a tenant's queues, asked for every second while the page is looked at.
//
// Why not the stream (WatchQueueFigures): on plain HTTP/1.1 a browser has six connections per origin, over all tabs; a
// stream would keep one per tab, and the seventh screen of a person would never load.

import { GetQueueFiguresResponse, type Figures } from "../wire/wire";
import { backoff } from "../desk/backoff";
import { call, type Post } from "./rpc";

export interface FiguresView {
  // undefined until the first answer.
  readonly figures: Figures | undefined;
  // Waiting contacts by queue id, oldest first, one sample per answer.
  readonly history: ReadonlyMap<string, readonly number[]>;
  // Why the latest question was not answered; the figures shown are older then.
  readonly trouble: string;
}

export interface FeedConfig {
  readonly post?: Post;
  readonly random?: () => number;
}

const method = "busyhour.routing.v1.RoutingService/GetQueueFigures";
const every = 1_000;
const patience = 5_000;
// Samples kept: three minutes.
const kept = 180;

const empty: FiguresView = { figures: undefined, history: new Map(), trouble: "" };

export class FiguresFeed {
  #view = empty;
  #views = new Set<() => void>();
  #tenant = "";
  #looked = true;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(private readonly config: FeedConfig = {}) {}

  get(): FiguresView {
    return this.#view;
  }

  subscribe(changed: () => void): () => void {
    this.#views.add(changed);
    return () => this.#views.delete(changed);
  }

  // "" stops it.
  follow(tenant: string): void {
    if (tenant === this.#tenant) return;
    this.#stop();
    this.#tenant = tenant;
    this.#show(empty);
    this.#next(0);
  }

  // A page that nobody looks at asks for nothing.
  looked(at: boolean): void {
    if (at === this.#looked) return;
    this.#looked = at;
    if (at) this.#next(0);
    else this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  #next(after: number): void {
    clearTimeout(this.#timer);
    if (this.#tenant && this.#looked) this.#timer = setTimeout(() => void this.#ask(), after);
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(new Error(`no answer for ${patience / 1000} s`)), patience);
    try {
      const json = await call(method, { tenant: this.#tenant }, asking.signal, this.config.post);
      if (this.#asking === asking) this.#answered(GetQueueFiguresResponse.read(json, "figures"));
    } catch (e) {
      if (this.#asking === asking) this.#failed(e);
    } finally {
      clearTimeout(late);
    }
  }

  #answered(figures: Figures): void {
    this.#failures = 0;
    const history = new Map<string, readonly number[]>();
    for (const q of figures.queues) {
      const before = this.#view.history.get(q.queueId) ?? [];
      history.set(q.queueId, [...before.slice(1 - kept), q.waiting]);
    }
    this.#show({ figures, history, trouble: "" });
    this.#next(every);
  }

  #failed(e: unknown): void {
    this.#failures++;
    this.#show({ ...this.#view, trouble: e instanceof Error ? e.message : String(e) });
    this.#next(every + backoff(this.#failures, this.config.random));
  }

  #show(view: FiguresView): void {
    this.#view = view;
    for (const changed of this.#views) changed();
  }
}
