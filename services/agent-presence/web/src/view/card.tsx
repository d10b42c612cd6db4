import type { Notice } from "../desk/desktop";
import type { Action, Card, ContactState, Status } from "../wire/wire";
import { actionWord, stateWord, who } from "../desk/words";
import { Button } from "./button";
import { duration } from "./format";
import { Glyph, type IconName } from "./icons";
import { Refusal } from "./refusal";
import { Ring, Since } from "./time";

interface Does {
  readonly action: Action;
  readonly icon: IconName;
  readonly kind: "primary" | "plain" | "danger";
  readonly key?: string;
}

const accept: Does = { action: "ACTION_ACCEPT", icon: "check", kind: "primary", key: "A" };
const decline: Does = { action: "ACTION_DECLINE", icon: "cross", kind: "plain", key: "D" };
const hold: Does = { action: "ACTION_HOLD", icon: "pause", kind: "plain" };
const resume: Does = { action: "ACTION_RESUME", icon: "play", kind: "primary" };
const end: Does = { action: "ACTION_END", icon: "hangUp", kind: "danger" };
const complete: Does = { action: "ACTION_COMPLETE", icon: "check", kind: "primary" };

// What an agent can do with a card, by state.
const offers: Partial<Record<ContactState, readonly Does[]>> = {
  CONTACT_STATE_OFFERED: [accept, decline],
  CONTACT_STATE_CONNECTED: [hold, end],
  CONTACT_STATE_HELD: [resume, end],
  CONTACT_STATE_WRAP_UP: [complete],
};

const icons: Partial<Record<ContactState, IconName>> = {
  CONTACT_STATE_OFFERED: "bell",
  CONTACT_STATE_CONNECTING: "dots",
  CONTACT_STATE_CONNECTED: "phone",
  CONTACT_STATE_HELD: "pause",
  CONTACT_STATE_WRAP_UP: "pen",
};

interface Props {
  readonly card: Card;
  readonly live: boolean;
  readonly pending: Action | Status | undefined;
  readonly refusal: Notice | undefined;
  // The keys A and D go to this card.
  readonly keyed: boolean;
  readonly act: (action: Action) => void;
  readonly dismiss: () => void;
}

export function WorkCard({ card, live, pending, refusal, keyed, act, dismiss }: Props) {
  const state = card.state.replace("CONTACT_STATE_", "").toLowerCase();
  const title = `card-${card.contactId}`;
  return (
    <article class={`card is-${state}`} data-contact={card.contactId} data-state={state} tabIndex={-1} aria-labelledby={title}>
      <header class="card-head">
        <span class="card-state">
          <Glyph name={icons[card.state] ?? "info"} />
          {stateWord[card.state]}
        </span>
        <span class="card-queue">{card.queueName || card.queueId}</span>
        <Clock card={card} />
      </header>
      <div class="card-body">
        <h3 id={title}>{who(card)}</h3>
        <p class="card-facts">
          <Facts card={card} />
        </p>
        <Attributes of={card.attributes} />
      </div>
      <footer class="card-acts">
        {(offers[card.state] ?? []).map((o) => (
          <Button
            key={o.action}
            kind={o.kind}
            icon={o.icon}
            busy={pending === o.action}
            off={!live || pending !== undefined}
            onPress={() => act(o.action)}
            {...(keyed && o.key ? { shortcut: o.key } : {})}
          >
            {actionWord[o.action]}
          </Button>
        ))}
        {card.state === "CONTACT_STATE_CONNECTING" && <span class="hint">The line to the caller is being put through.</span>}
        {card.state === "CONTACT_STATE_WRAP_UP" && <span class="hint">Finish your notes, then press Done.</span>}
      </footer>
      <Refusal notice={refusal} onDismiss={dismiss} />
    </article>
  );
}

// The time that matters in this state.
function Clock({ card }: { card: Card }) {
  switch (card.state) {
    case "CONTACT_STATE_OFFERED":
      return <Ring from={card.since} until={card.deadline} label="Time left to answer" />;
    case "CONTACT_STATE_WRAP_UP":
      return <Ring from={card.since} until={card.deadline} label="Time left to wrap up" />;
    case "CONTACT_STATE_HELD":
      return <Timer label="on hold" at={card.since} />;
    case "CONTACT_STATE_CONNECTED":
      return <Timer label="talk time" at={card.connectedAt || card.since} />;
    default:
      return <Timer label="" at={card.since} />;
  }
}

function Timer({ label, at }: { label: string; at: number }) {
  return (
    <span class="card-clock">
      {label && <small>{label}</small>}
      <Since at={at} />
    </span>
  );
}

function Facts({ card }: { card: Card }) {
  const chat = card.channel === "CHANNEL_CHAT";
  return (
    <>
      {card.to && (
        <span>
          {chat ? "wrote to" : "called"} <b>{card.to}</b>
        </span>
      )}
      {card.queuedAt > 0 && <Waited card={card} />}
      {card.state === "CONTACT_STATE_HELD" && card.connectedAt > 0 && (
        <span>
          in talk for <Since at={card.connectedAt} />
        </span>
      )}
    </>
  );
}

function Waited({ card }: { card: Card }) {
  if (card.connectedAt === 0) {
    return (
      <span>
        waiting <Since at={card.queuedAt} />
      </span>
    );
  }
  return (
    <span>
      waited <b class="time">{duration(card.connectedAt - card.queuedAt)}</b>
    </span>
  );
}

function Attributes({ of }: { of: Readonly<Record<string, string>> }) {
  const entries = Object.entries(of).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return null;
  return (
    <dl class="attributes">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
