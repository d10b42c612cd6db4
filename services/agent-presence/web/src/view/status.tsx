import { useEffect, useRef, useState } from "preact/hooks";
import { activity } from "../desk/activity";
import { statusPlace } from "../desk/desktop";
import { statusWord } from "../desk/words";
import type { Status } from "../wire/wire";
import { Button } from "./button";
import { useDesk, useParts } from "./hooks";
import { Glyph, type IconName } from "./icons";
import { Refusal } from "./refusal";
import { Since } from "./time";

const icons: Record<Status, IconName> = {
  STATUS_UNSPECIFIED: "info",
  STATUS_AVAILABLE: "check",
  STATUS_BUSY: "minus",
  STATUS_BREAK: "cup",
  STATUS_OFFLINE: "moon",
};

const choices: readonly Status[] = ["STATUS_AVAILABLE", "STATUS_BUSY", "STATUS_BREAK", "STATUS_OFFLINE"];
const reasons = ["lunch", "short break", "meeting", "training", "coaching"];

export function StatusBar() {
  const { desk } = useParts();
  const view = useDesk();
  const { presence, cards } = view.held;
  const [choosing, choose] = useState(false);
  const choicesRef = useRef<HTMLDivElement>(null);
  const close = () => {
    choose(false);
    choicesRef.current?.querySelector<HTMLElement>("[aria-expanded]")?.focus(); // not to the page, with the form gone
  };
  const asked = view.pending.get(statusPlace);
  const set = (status: Status, reason = "") => {
    if (choosing) close();
    desk.setStatus(status, reason);
  };
  return (
    <section class="status" aria-labelledby="status-title">
      <h2 id="status-title" class="unseen">
        Your status
      </h2>
      <div class={`status-now is-${presence.status.replace("STATUS_", "").toLowerCase()}`}>
        <Glyph name={icons[presence.status]} />
        <div>
          <p class="status-word">
            {statusWord[presence.status]}
            {presence.reason && <span class="status-reason">{presence.reason}</span>}
          </p>
          <p class="status-since">
            for <Since at={presence.since} />
            {activity(cards) && <span> · {activity(cards)}</span>}
            {presence.connection === "CONNECTION_GRACE" && <span> · nothing is offered until your screen is confirmed</span>}
          </p>
        </div>
      </div>
      <div class="status-choices" ref={choicesRef} role="group" aria-label="Set your status">
        {choices.map((s) => (
          <Button
            key={s}
            icon={icons[s]}
            pressed={presence.status === s}
            busy={asked === s}
            off={!view.live || asked !== undefined}
            {...(s === "STATUS_BREAK" ? { expanded: choosing } : {})}
            onPress={() => (s === "STATUS_BREAK" ? choose(!choosing) : set(s))}
          >
            {statusWord[s]}
          </Button>
        ))}
      </div>
      {choosing && <Reasons take={(reason) => set("STATUS_BREAK", reason)} cancel={close} />}
      <Refusal notice={view.refusals.get(statusPlace)} onDismiss={() => desk.dismiss(statusPlace)} />
    </section>
  );
}

// A break needs a reason: a common one, or the agent's own words.
function Reasons({ take, cancel }: { take: (reason: string) => void; cancel: () => void }) {
  const [own, setOwn] = useState("");
  const box = useRef<HTMLFormElement>(null);
  useEffect(() => box.current?.querySelector("button")?.focus(), []);
  return (
    <form
      class="reasons"
      ref={box}
      aria-label="Reason for the break"
      onKeyDown={(e) => e.key === "Escape" && cancel()}
      onSubmit={(e) => {
        e.preventDefault();
        if (own.trim()) take(own.trim());
      }}
    >
      <p>What is the break for?</p>
      <div class="reasons-common">
        {reasons.map((r) => (
          <Button key={r} onPress={() => take(r)}>
            {r}
          </Button>
        ))}
      </div>
      <div class="reasons-own">
        <input
          value={own}
          maxLength={128}
          placeholder="Something else"
          aria-label="Another reason"
          onInput={(e) => setOwn(e.currentTarget.value)}
        />
        <button type="submit" class="button is-plain" aria-disabled={own.trim() ? undefined : true}>
          Start break
        </button>
        <Button kind="quiet" onPress={cancel}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
