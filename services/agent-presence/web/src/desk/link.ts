// One WebSocket after another: connect, notice silence, come back with back-off, or stop for good.
// Knows nothing of what the frames say.

import { backoff } from "./backoff";
import { comesBack, inWords, own } from "./closing";

export type Socket = Pick<WebSocket, "onopen" | "onmessage" | "onclose" | "send" | "close">;

export type LinkState =
  | { readonly is: "off" }
  | { readonly is: "connecting"; readonly attempt: number }
  | { readonly is: "open" }
  // The server said that it goes; `until` as below.
  | { readonly is: "going"; readonly until: number }
  // Until when, by performance.now(), and why the last socket went.
  | { readonly is: "waiting"; readonly until: number; readonly attempt: number; readonly why: string }
  // Not to come back by itself.
  | { readonly is: "ended"; readonly code: number; readonly why: string };

export interface LinkOwner {
  opened(): void;
  frame(data: string): void;
  // The socket is gone; whatever was not answered on it never will be. Called last, when the link may be used again.
  lost(): void;
  changed(state: LinkState): void;
}

export interface LinkConfig {
  readonly connect: () => Socket;
  readonly random?: () => number;
}

// The server sends a heartbeat every 5 s: two of them missed, and a little.
const silence = 12_000;
const connecting = 10_000;
// A socket that stood this long was good: the next loss starts the back-off anew.
const good = 10_000;

export class Link {
  #state: LinkState = { is: "off" };
  #socket: Socket | undefined;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined; // the one next thing: connect again, or give up on silence
  #goodTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly config: LinkConfig,
    private readonly owner: LinkOwner,
  ) {}

  open(): void {
    if (this.#state.is !== "off" && this.#state.is !== "ended") return;
    this.#attempt = 0;
    this.#connect();
  }

  close(): void {
    this.#drop(own.loggedOut, "");
    this.#become({ is: "off" });
    this.owner.lost();
  }

  send(data: string): void {
    this.#socket?.send(data);
  }

  // The server will close; come back after the time that it gave, whenever it closes.
  going(after: number): void {
    if (this.#state.is !== "open") return;
    this.#become({ is: "going", until: performance.now() + after });
    this.#after(after, () => {
      this.#drop(own.loggedOut, "moving");
      this.#connect();
      this.owner.lost();
    });
  }

  // What the server says can't be used: try again, perhaps with another one.
  fail(code: number, why: string): void {
    this.#drop(code, why);
    this.#wait(why);
    this.owner.lost();
  }

  // Not to come back by itself.
  end(code: number, why: string): void {
    this.#drop(code, why);
    this.#become({ is: "ended", code, why });
    this.owner.lost();
  }

  // Something suggests that it is worth trying now: the network is back, the page is looked at, the agent asks.
  hurry(): void {
    if (this.#state.is === "waiting") this.#connect();
  }

  #connect(): void {
    this.#become({ is: "connecting", attempt: this.#attempt });
    const socket = this.config.connect();
    this.#socket = socket;
    socket.onopen = () => {
      this.#become({ is: "open" });
      this.#listen();
      this.#goodTimer = setTimeout(() => (this.#attempt = 0), good);
      this.owner.opened();
    };
    socket.onmessage = (e) => {
      if (this.#state.is === "open") this.#listen();
      if (typeof e.data === "string") this.owner.frame(e.data);
    };
    socket.onclose = (e) => this.#closed(e.code, e.reason);
    this.#after(connecting, () => this.fail(own.silent, "No answer from the server"));
  }

  #listen(): void {
    this.#after(silence, () => this.fail(own.silent, "The server has gone silent"));
  }

  #closed(code: number, reason: string): void {
    const going = this.#state.is === "going";
    const timer = this.#timer;
    this.#forget(going);
    const why = inWords(code, reason);
    if (!comesBack(code)) {
      clearTimeout(timer);
      this.#become({ is: "ended", code, why });
    } else if (!going) {
      this.#wait(why);
    }
    this.owner.lost();
  }

  #wait(why: string): void {
    const delay = backoff(this.#attempt, this.config.random);
    this.#attempt++;
    this.#become({ is: "waiting", until: performance.now() + delay, attempt: this.#attempt, why });
    this.#after(delay, () => this.#connect());
  }

  #drop(code: number, reason: string): void {
    const socket = this.#socket;
    this.#forget(false);
    socket?.close(code, reason);
  }

  // Lets go of the socket without waiting for it: on a dead network its close takes minutes.
  #forget(keepTimer: boolean): void {
    if (!keepTimer) clearTimeout(this.#timer);
    clearTimeout(this.#goodTimer);
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = undefined;
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }

  #become(state: LinkState): void {
    this.#state = state;
    this.owner.changed(state);
  }
}
