// One agent of the mock: presence, cards, revisions and screens, by the rules that the real services keep.

const iso = (ms) => new Date(ms).toISOString();

export class Agent {
  constructor(tenant, id, name, pace) {
    this.pace = pace;
    this.name = name;
    this.epoch = 5;
    this.presence = { agentId: id, tenant, status: "STATUS_OFFLINE", since: iso(Date.now()), connection: "CONNECTION_CONNECTED", queueIds: ["sales", "support"] };
    this.presenceN = 1;
    this.cards = [];
    this.workloadN = 1;
    this.idleSince = Date.now();
    this.screens = new Set();
    this.verified = true;
    this.refuseNext = undefined;
    this.deactivated = false;
    this.calls = 0;
    this.timers = new Map(); // by contact, and "next" for the next call
  }

  // --- what screens are told ---

  presenceRevision = () => ({ epoch: this.epoch, n: this.presenceN });
  workloadRevision = () => ({ epoch: this.epoch, n: this.workloadN });

  snapshot(screenId) {
    return {
      snapshot: {
        screenId,
        presence: this.presence,
        presenceRevision: this.presenceRevision(),
        workload: { agentId: this.presence.agentId, cards: this.cards, idleSince: iso(this.idleSince) },
        workloadRevision: this.workloadRevision(),
        now: iso(Date.now()),
        verified: this.verified,
        agentName: this.name,
      },
    };
  }

  heartbeat() {
    return {
      heartbeat: {
        now: iso(Date.now()),
        workloadRevision: this.workloadRevision(),
        presenceRevision: this.presenceRevision(),
        verified: this.verified,
      },
    };
  }

  push(frame) {
    for (const screen of this.screens) screen.tell(frame);
  }

  deactivate() {
    this.deactivated = true;
    if (this.presence.status === "STATUS_AVAILABLE") this.setStatus("STATUS_OFFLINE", "deactivated");
  }

  setStatus(status, reason) {
    const previous = this.presenceRevision();
    this.presenceN++;
    this.presence = { ...this.presence, status, reason, since: iso(Date.now()) };
    this.push({ presenceChanged: { revision: this.presenceRevision(), previous, presence: this.presence } });
    if (status === "STATUS_AVAILABLE") this.callSoon(this.pace.firstCall);
    else this.cancel("next");
  }

  // --- contacts ---

  // `told` false makes a gap: the change is there, the push is not.
  keep(card, told = true) {
    const previous = this.workloadRevision();
    this.workloadN++;
    const at = this.cards.findIndex((c) => c.contactId === card.contactId);
    const kept = { ...card, revision: this.workloadRevision() };
    if (at < 0) this.cards.push(kept);
    else this.cards[at] = kept;
    if (told) this.push({ workloadChanged: { revision: this.workloadRevision(), previous, changed: [kept] } });
  }

  remove(contactId) {
    this.cancel(contactId);
    const previous = this.workloadRevision();
    this.workloadN++;
    this.cards = this.cards.filter((c) => c.contactId !== contactId);
    if (this.cards.length === 0) this.idleSince = Date.now();
    this.push({ workloadChanged: { revision: this.workloadRevision(), previous, removed: [contactId] } });
    if (this.presence.status === "STATUS_AVAILABLE") this.callSoon(this.pace.nextCall);
  }

  move(card, state, within, then) {
    this.cancel(card.contactId);
    const now = Date.now();
    const moved = { ...card, state, since: iso(now), deadline: iso(now + (within ?? 4 * 3600_000)) };
    if (state === "CONTACT_STATE_CONNECTED" && !card.connectedAt) moved.connectedAt = iso(now);
    this.keep(moved);
    if (then) this.later(card.contactId, within, then);
  }

  offer(told = true) {
    const n = ++this.calls;
    const now = Date.now();
    const [queueId, queueName, to] = n % 2 ? ["sales", "Sales", "+49 30 5557 100"] : ["support", "Support", "+49 30 5557 200"];
    const card = {
      contactId: `c-${n}`,
      state: "CONTACT_STATE_OFFERED",
      since: iso(now),
      deadline: iso(now + this.pace.offer),
      queueId,
      queueName,
      channel: "CHANNEL_VOICE",
      from: `+49 171 ${1_000_000 + ((n * 7919) % 9_000_000)}`,
      to,
      queuedAt: iso(now - 8_000 - n * 1_000),
      attributes: { language: "German", "customer number": `K-${20_400 + n}`, reason: n % 2 ? "order status" : "invoice" },
    };
    this.keep(card, told);
    this.later(card.contactId, this.pace.offer, () => this.remove(card.contactId));
    return card.contactId;
  }

  // The customer ends it.
  hangUp(card) {
    if (["CONTACT_STATE_OFFERED", "CONTACT_STATE_CONNECTING"].includes(card.state)) this.remove(card.contactId);
    else this.move(card, "CONTACT_STATE_WRAP_UP", this.pace.wrapUp, () => this.remove(card.contactId));
  }

  // Carries out an action; gives the refusal, if any.
  act(contactId, action) {
    const card = this.cards.find((c) => c.contactId === contactId);
    if (!card) return no("CONTACT_UNKNOWN", `There is no contact ${contactId} with you`, "It may have ended: see your cards");
    const key = `${card.state.replace("CONTACT_STATE_", "")} ${action.replace("ACTION_", "")}`;
    const connected = () => this.move(this.find(contactId), "CONTACT_STATE_CONNECTED", undefined);
    switch (key) {
      case "OFFERED ACCEPT":
        return this.move(card, "CONTACT_STATE_CONNECTING", this.pace.connect, connected);
      case "OFFERED DECLINE":
        return this.remove(contactId);
      case "CONNECTED HOLD":
        return this.move(card, "CONTACT_STATE_HELD");
      case "HELD RESUME":
        return this.move(card, "CONTACT_STATE_CONNECTED");
      case "CONNECTED END":
      case "HELD END":
        return this.hangUp(card);
      case "WRAP_UP COMPLETE":
        return this.remove(contactId);
      default:
        return no("TRANSITION_IMPOSSIBLE", `A contact that is ${key.split(" ")[0].toLowerCase()} can't do that`, "See the card");
    }
  }

  find(contactId) {
    return this.cards.find((c) => c.contactId === contactId);
  }

  // --- time ---

  callSoon(ms) {
    if (ms === undefined || this.cards.length > 0) return;
    this.later("next", ms, () => this.offer());
  }

  later(key, ms, then) {
    this.cancel(key);
    this.timers.set(key, setTimeout(then, ms));
  }

  cancel(key) {
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
  }

  stop() {
    for (const key of [...this.timers.keys()]) this.cancel(key);
  }
}

export function no(reason, message, help) {
  return { message, refusal: { reason, record: "mock", revision: { epoch: 5, n: 1 }, help } };
}
