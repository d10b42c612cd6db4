// The desktop's client: keeps a Link, holds what the server says, sends what the agent wants.
// Views subscribe to one immutable View; nothing in here knows of a page.

import type { Action, Card, Refused, Sent, ServerFrame, Status } from "../wire/wire";
import { ServerFrame as ServerFrameType } from "../wire/wire";
import type { ServerClock } from "./clock";
import { own } from "./closing";
import {
  nothing,
  takeHeartbeat,
  takePresence,
  takeSnapshot,
  takeVerification,
  takeWorkload,
  type Held,
  type Outcome,
} from "./held";
import { id } from "./id";
import { Link, type LinkConfig, type LinkState } from "./link";
import { news, type News } from "./news";
import { same } from "./revision";
import { forget, recall, remember, type Session, type Store } from "./session";
import { holdsScreen } from "./tab";
import { sentence } from "./words";

// Where on the page a command was given and its refusal is shown: "status", or "card:" and the contact's id.
export type Place = string;
export const statusPlace: Place = "status";
export const cardPlace = (contactId: string): Place => `card:${contactId}`;

export interface Notice {
  readonly message: string;
  readonly help: string;
  // The machine-readable reason, for whoever is asked for help.
  readonly reason: string;
}

export interface LogInRefusal extends Notice {
  readonly agentId: string;
}

export interface View {
  // undefined: nobody is logged in.
  readonly session: Session | undefined;
  readonly link: LinkState;
  readonly held: Held;
  // Commands may be given: the socket has sent its snapshot and the state is verified.
  readonly live: boolean;
  // What is asked for and not answered yet.
  readonly pending: ReadonlyMap<Place, Action | Status>;
  readonly refusals: ReadonlyMap<Place, Notice>;
  // Why the last log-in was refused.
  readonly logInRefused: LogInRefusal | undefined;
}

interface Command {
  readonly place: Place;
  readonly what: Action | Status;
  timer: ReturnType<typeof setTimeout>; // gives it up, or, once answered, ends it
  // What the screen shows has moved on: the answer, still to come, is not waited for.
  seen: boolean;
}

export interface DesktopConfig extends LinkConfig {
  readonly store: Store;
  readonly clock: ServerClock;
  // Says who logs in, where the server asks; "": it does not.
  readonly token?: () => string;
}

// An answer that takes longer will not be waited for.
const patience = 10_000;
// The answer may come just before the push that shows what it did: the button stays pressed until then, or this long.
const settling = 400;
// A server that refuses a log-in or takes a log-out closes the socket; one that does not is not waited for.
const farewellTime = 2_000;

export class Desktop {
  readonly clock: ServerClock;
  #view: View;
  #link: Link;
  #store: Store;
  #fresh = false; // this socket has sent its snapshot
  #resyncing = false; // a snapshot is asked for: further gaps ask for no second one
  #logIn = ""; // request id of the log-in under way
  #logOut: ReturnType<typeof setTimeout> | undefined;
  #commands = new Map<string, Command>(); // by request id
  #asked = new Map<string, Action>(); // what this screen last asked for, by contact
  #views = new Set<() => void>();
  #listeners = new Set<(n: News) => void>();

  constructor(private readonly config: DesktopConfig) {
    this.clock = config.clock;
    this.#store = config.store;
    this.#link = new Link(config, {
      opened: () => this.#opened(),
      frame: (data) => this.#frame(data),
      lost: () => this.#lost(),
      changed: (link) => this.#changed(link),
    });
    this.#view = this.#blank(undefined);
  }

  get(): View {
    return this.#view;
  }

  subscribe(changed: () => void): () => void {
    this.#views.add(changed);
    return () => this.#views.delete(changed);
  }

  onNews(hear: (n: News) => void): () => void {
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  // Takes up the log-in that the tab remembers.
  async resume(): Promise<void> {
    const session = recall(this.#store);
    if (!session) return;
    this.#show(this.#blank(session));
    const keeps = await holdsScreen(session.screenId);
    this.#enter(keeps ? session : { ...session, screenId: "" });
  }

  logIn(tenant: string, agentId: string): void {
    this.#enter({ tenant, agentId, screenId: "", epochs: nothing().epochs });
  }

  // The server said not to come back; the agent says to try all the same.
  again(): void {
    if (this.#view.session) this.#enter(this.#view.session);
  }

  // The session goes on with the token that there is now.
  renew(): void {
    if (this.#fresh && this.#token()) this.#send({ renew: { token: this.#token() } }, id());
  }

  logOut(): void {
    if (!this.#view.live) return this.#left();
    this.#send({ logOut: {} }, id());
    this.#logOut = setTimeout(() => this.#left(), farewellTime);
  }

  setStatus(status: Status, reason: string): void {
    this.#command(statusPlace, status, { setStatus: { status, reason } });
  }

  act(contactId: string, action: Action): void {
    const place = cardPlace(contactId);
    if (this.#view.pending.has(place)) return;
    this.#asked.set(contactId, action);
    this.#command(place, action, { act: { contactId, action } });
  }

  hurry(): void {
    this.#link.hurry();
  }

  dismiss(place: Place): void {
    this.#show({ refusals: without(this.#view.refusals, [place]) });
  }

  #token(): string {
    return this.config.token?.() ?? "";
  }

  // --- the link ---

  #enter(session: Session): void {
    const again = this.#view.session?.agentId === session.agentId && this.#view.session.tenant === session.tenant;
    this.#show({ ...(again ? {} : this.#blank(session)), session, logInRefused: undefined });
    this.#link.open();
  }

  #opened(): void {
    const session = this.#view.session;
    if (!session) return;
    this.#fresh = this.#resyncing = false;
    this.clock.restart();
    this.#logIn = id();
    const { tenant, agentId, screenId } = session;
    this.#send({ logIn: { tenant, agentId, screenId, token: this.#token() } }, this.#logIn);
  }

  #changed(link: LinkState): void {
    this.#show({ link });
    if (link.is !== "ended" || !this.#view.session) return;
    if (this.#logOut !== undefined) this.#left();
    else if (!this.#view.held.known) this.#turnedAway(link.why);
  }

  #lost(): void {
    this.#fresh = false;
    if (this.#logOut !== undefined) return this.#left();
    const places = [...this.#pending().keys()];
    for (const c of this.#commands.values()) clearTimeout(c.timer);
    this.#commands.clear();
    const refusals = new Map(this.#view.refusals);
    for (const place of places) refusals.set(place, unanswered("The connection was lost before the answer came."));
    this.#show({ pending: this.#pending(), refusals });
  }

  // Back to the log-in form, with the reason.
  #turnedAway(why: string): void {
    const agentId = this.#view.session?.agentId ?? "";
    const refused = this.#view.logInRefused ?? { message: why, help: "", reason: "", agentId };
    this.#left();
    this.#show({ logInRefused: refused });
  }

  #left(): void {
    clearTimeout(this.#logOut);
    this.#logOut = undefined;
    this.#link.close();
    forget(this.#store);
    this.#show(this.#blank(undefined));
  }

  // --- frames ---

  #frame(data: string): void {
    let frame: ServerFrame;
    try {
      frame = ServerFrameType.read(JSON.parse(data), "frame");
    } catch (e) {
      console.error("a frame could not be read", e);
      this.#link.fail(own.unreadable, "The server sent something unreadable");
      return;
    }
    this.#take(frame);
  }

  #take(f: ServerFrame): void {
    const { held } = this.#view;
    if (f.snapshot) {
      this.clock.heard(f.snapshot.now);
      this.#tookSnapshot(takeSnapshot(held, f.snapshot), f.snapshot.screenId);
    } else if (f.heartbeat) {
      this.clock.heard(f.heartbeat.now);
      this.#send({ pong: {} });
      this.#took(takeHeartbeat(held, f.heartbeat));
    } else if (f.workloadChanged) {
      this.#took(takeWorkload(held, f.workloadChanged));
    } else if (f.presenceChanged) {
      this.#took(takePresence(held, f.presenceChanged));
    } else if (f.verification) {
      this.#hold(takeVerification(held, f.verification));
    } else if (f.done) {
      this.#done(f.done.requestId);
    } else if (f.refused) {
      this.#refused(f.refused);
    } else if (f.going) {
      this.#link.going(f.going.reconnectAfterMs);
    }
  }

  #tookSnapshot({ held, verdict }: Outcome, screenId: string): void {
    this.#resyncing = false;
    if (verdict === "behind") return this.#behind();
    this.#fresh = true;
    this.#logIn = "";
    if (screenId) void holdsScreen(screenId);
    const session = this.#view.session;
    this.#hold(held, session && { ...session, screenId: screenId || session.screenId });
  }

  #took({ held, verdict }: Outcome): void {
    // Before the snapshot of this socket there is nothing to change; the snapshot will have it.
    if (!this.#fresh) return;
    if (verdict === "behind") return this.#behind();
    this.#hold(held);
    if (verdict === "gap" && !this.#resyncing) {
      this.#resyncing = true;
      this.#send({ resync: {} });
    }
  }

  #behind(): void {
    this.#link.fail(own.behind, "This server is behind what this screen has seen: if its data was reset, log out and in again");
  }

  // The one place where what is held changes.
  #hold(held: Held, session: Session | undefined = this.#view.session): void {
    const before = this.#view.held;
    const known = session && { ...session, epochs: held.epochs };
    if (known) remember(this.#store, known);
    this.#seen(before, held);
    this.#show({ held, session: known, pending: this.#pending(), refusals: this.#stillTrue(before, held) });
    const now = this.clock.now();
    for (const n of news(before, held, this.#asked, now)) this.#tell(n);
    const is = new Set(held.cards.map((c) => c.contactId));
    for (const contact of this.#asked.keys()) if (!is.has(contact)) this.#asked.delete(contact);
  }

  // A refusal goes when what it was about has changed.
  #stillTrue(before: Held, after: Held): ReadonlyMap<Place, Notice> {
    const over = [...this.#view.refusals.keys()].filter((place) => moved(before, after, place));
    return without(this.#view.refusals, over);
  }

  // A push may overtake the answer: the next command need not wait for it.
  #seen(before: Held, after: Held): void {
    for (const c of this.#commands.values()) if (moved(before, after, c.place)) c.seen = true;
  }

  // --- commands ---

  #command(place: Place, what: Action | Status, frame: Sent): void {
    if (!this.#view.live || this.#view.pending.has(place)) return;
    const requestId = id();
    const timer = setTimeout(() => this.#giveUp(requestId), patience);
    this.#commands.set(requestId, { place, what, timer, seen: false });
    this.#show({ pending: this.#pending(), refusals: without(this.#view.refusals, [place]) });
    this.#send(frame, requestId);
  }

  #done(requestId: string): void {
    const command = this.#commands.get(requestId);
    if (!command || command.seen) return void this.#answered(requestId);
    clearTimeout(command.timer);
    command.timer = setTimeout(() => this.#answered(requestId), settling);
  }

  #answered(requestId: string): Command | undefined {
    const command = this.#commands.get(requestId);
    if (!command) return undefined;
    clearTimeout(command.timer);
    this.#commands.delete(requestId);
    this.#show({ pending: this.#pending() });
    return command;
  }

  #pending(): ReadonlyMap<Place, Action | Status> {
    return new Map([...this.#commands.values()].filter((c) => !c.seen).map((c) => [c.place, c.what]));
  }

  #giveUp(requestId: string): void {
    const command = this.#answered(requestId);
    if (command && !command.seen) this.#notice(command.place, unanswered("No answer came for 10 seconds."));
  }

  #refused(r: Refused): void {
    const notice = { message: r.message || "Refused", help: r.refusal.help, reason: r.refusal.reason };
    if (r.requestId === this.#logIn) return this.#refusedLogIn(notice);
    const command = this.#answered(r.requestId);
    if (!command) return;
    if (command.place === statusPlace || cardAt(this.#view.held, command.place)) this.#notice(command.place, notice);
    else this.#tell({ text: `${sentence(notice.message)} ${sentence(notice.help)}`.trim(), urgent: false, note: { stays: true } });
  }

  // The close code that follows tells whether to try again; without one the answer is no.
  #refusedLogIn(notice: Notice): void {
    const refused = { ...notice, agentId: this.#view.session?.agentId ?? "" };
    this.#show({ logInRefused: refused });
    setTimeout(() => {
      if (this.#view.logInRefused === refused && this.#view.link.is === "open") this.#link.end(own.refused, notice.message);
    }, farewellTime);
  }

  #notice(place: Place, notice: Notice): void {
    this.#show({ refusals: new Map(this.#view.refusals).set(place, notice) });
  }

  #tell(n: News): void {
    for (const hear of this.#listeners) hear(n);
  }

  #send(frame: Sent, requestId = ""): void {
    this.#link.send(JSON.stringify(requestId ? { requestId, ...frame } : frame));
  }

  // --- the view ---

  #blank(session: Session | undefined): View {
    return {
      session,
      link: { is: "off" },
      held: nothing(session?.epochs),
      live: false,
      pending: new Map(),
      refusals: new Map(),
      logInRefused: undefined,
    };
  }

  #show(change: Partial<View>): void {
    const view = { ...this.#view, ...change };
    const live = this.#fresh && (view.link.is === "open" || view.link.is === "going") && view.held.verified;
    this.#view = { ...view, live, logInRefused: live ? undefined : view.logInRefused };
    for (const changed of this.#views) changed();
  }
}

// Whether what a place shows has changed, or is gone.
function moved(before: Held, after: Held, place: Place): boolean {
  if (place === statusPlace) return !same(before.presenceRevision, after.presenceRevision);
  const was = cardAt(before, place);
  const is = cardAt(after, place);
  return !is || (was !== undefined && (was.state !== is.state || !same(was.revision, is.revision)));
}

function cardAt(held: Held, place: Place): Card | undefined {
  return held.cards.find((c) => cardPlace(c.contactId) === place);
}

function unanswered(message: string): Notice {
  return { message, help: "See what the screen shows now, and try again if it still applies.", reason: "" };
}

function without<V>(map: ReadonlyMap<Place, V>, places: readonly Place[]): ReadonlyMap<Place, V> {
  if (!places.some((p) => map.has(p))) return map;
  return new Map([...map].filter(([place]) => !places.includes(place)));
}
