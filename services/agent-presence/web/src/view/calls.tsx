import { useEffect, useRef, useState } from "preact/hooks";
import { shown } from "../calls/list";
import { stateWord } from "../desk/words";
import type { Card, Contact } from "../wire/wire";
import { Button } from "./button";
import { useCalls, useDesk, useParts } from "./hooks";
import { Since } from "./time";

// One line of the list: a live contact, or a card of one's own that no live contact stands behind.
interface Line {
  readonly id: string;
  readonly state: Contact["state"];
  readonly at: number;
  readonly queue: string;
  readonly from: string;
  readonly agent: string;
  readonly own: boolean;
}

// The supervisor's list of the oldest calls, each of which can be closed.
export function CallsPanel() {
  const { calls } = useParts();
  const view = useCalls();
  const { session, held } = useDesk();
  const [asked, ask] = useState("");
  const lines = [...ownCards(held.cards, session?.agentId ?? "", view), ...(view.contacts ?? []).map(lineOf)];
  return (
    <section class="calls" aria-labelledby="calls-title">
      <header class="figures-head">
        <h2 id="calls-title">Oldest calls</h2>
        <Button kind="quiet" expanded={view.open} onPress={() => calls.open(!view.open)}>
          {view.open ? "Hide" : "Show"}
        </Button>
      </header>
      <p class={view.failed ? "calls-said is-late" : "calls-said"} role="status">
        {view.said}
      </p>
      {view.open && (
        <>
          {view.trouble && <p class="tag is-late">{view.trouble}</p>}
          {view.contacts?.length === 0 && lines.length === 0 && <p class="hint">There are no calls.</p>}
          <ul>
            {lines.map((line) => (
              <CallLine
                key={line.id}
                line={line}
                asked={asked === line.id}
                busy={view.closing.has(line.id)}
                ask={(yes) => ask(yes ? line.id : "")}
                close={(reason) => {
                  ask("");
                  void calls.close(line.id, line.agent, `${session?.agentId ?? "somebody"}: ${reason}`);
                }}
              />
            ))}
          </ul>
          {view.more && <p class="hint">The {shown} oldest; there are more.</p>}
        </>
      )}
    </section>
  );
}

// A card whose contact is not among the live ones may be one that nothing stands behind; where the list is cut off, that
// cannot be told.
function ownCards(cards: readonly Card[], agent: string, view: { contacts: readonly Contact[] | undefined; more: boolean }): Line[] {
  const { contacts, more } = view;
  if (!contacts || more) return [];
  const live = new Set(contacts.map((c) => c.id));
  return cards
    .filter((c) => !live.has(c.contactId))
    .map((c) => ({ id: c.contactId, state: c.state, at: c.since, queue: c.queueName || c.queueId, from: c.from, agent, own: true }));
}

function lineOf(c: Contact): Line {
  const agent = c.reservation?.agentId ?? "";
  return { id: c.id, state: c.state, at: c.createdAt, queue: c.terms?.queueName || c.queueId, from: c.from, agent, own: false };
}

interface Props {
  readonly line: Line;
  readonly asked: boolean;
  readonly busy: boolean;
  readonly ask: (yes: boolean) => void;
  readonly close: (reason: string) => void;
}

function CallLine({ line, asked, busy, ask, close }: Props) {
  const opener = useRef<HTMLDivElement>(null);
  const cancel = () => {
    ask(false);
    opener.current?.querySelector("button")?.focus(); // not to the page, with the form gone
  };
  const name = line.from || "Unknown caller";
  return (
    <li class="call" data-call={line.id} data-state={line.state.replace("CONTACT_STATE_", "").toLowerCase()}>
      <div class="call-line" ref={opener}>
        <div>
          <p class="call-who">
            <b>{name}</b> <span class="mine">{line.own ? "only on your screen" : stateWord[line.state]}</span>
          </p>
          <p class="hint">
            {line.queue} · {line.agent ? `with ${line.agent}` : "with nobody"} · <Since at={line.at} />
          </p>
        </div>
        <Button kind="plain" busy={busy} expanded={asked} title={`Close the call of ${name}`} onPress={() => ask(!asked)}>
          Close
          <span class="unseen"> the call of {name}</span>
        </Button>
      </div>
      {asked && <Reason name={name} close={close} cancel={cancel} />}
    </li>
  );
}

function Reason({ name, close, cancel }: { name: string; close: (reason: string) => void; cancel: () => void }) {
  const [reason, set] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <form
      class="call-reason"
      aria-label={`Close the call of ${name}`}
      onKeyDown={(e) => e.key === "Escape" && cancel()}
      onSubmit={(e) => {
        e.preventDefault();
        if (reason.trim()) close(reason.trim());
      }}
    >
      <p class="hint">The call ends, its card goes, and nothing brings it back.</p>
      <input ref={input} value={reason} maxLength={128} placeholder="Why?" aria-label="Reason" onInput={(e) => set(e.currentTarget.value)} />
      <div class="call-acts">
        <button type="submit" class="button is-danger" aria-disabled={reason.trim() ? undefined : true}>
          Close this call
        </button>
        <Button kind="quiet" onPress={cancel}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
