import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { View } from "../desk/desktop";
import type { Recovery } from "../desk/held";
import { sentence } from "../desk/words";
import { Button } from "./button";
import { useDesk, useParts } from "./hooks";

// How the screen is connected, whenever there is something to say about it.
export function Banner() {
  const { desk } = useParts();
  const view = useDesk();
  const { link, held, live } = view;
  if (live && link.is === "open") return null;
  switch (link.is) {
    case "open":
      return held.verified || !held.known ? (
        <Bar mood="wait" title="Connecting" text="Fetching your work." />
      ) : (
        <Bar mood="watch" title="Being verified" text={`What you see is kept; commands wait. ${far(held.recovery)}`} />
      );
    case "connecting":
      return <Bar mood={link.attempt > 0 ? "watch" : "wait"} title={link.attempt > 0 ? "Reconnecting" : "Connecting"} text={kept(view)} />;
    case "going":
      return (
        <Bar mood="watch" title="Moving to another server" text={live ? "You can go on working." : kept(view)}>
          {!live && <Countdown until={link.until} />}
        </Bar>
      );
    case "waiting":
      return (
        <Bar mood="late" title={link.why} text={kept(view)}>
          <Countdown until={link.until} />
          <Button onPress={() => desk.hurry()}>Try now</Button>
        </Bar>
      );
    case "ended":
      return (
        <Bar mood="late" still title={link.why} text="It will not come back by itself.">
          <Button kind="primary" onPress={() => desk.again()}>
            Log in here again
          </Button>
          <Button onPress={() => desk.logOut()}>Log out</Button>
        </Bar>
      );
    default:
      return null;
  }
}

// far says in words how far a recovery is.
function far({ phase, read, total }: Recovery): string {
  switch (phase) {
    case "":
    case "open":
      return "A moment.";
    case "held":
      return "It was rebuilt too often: your operators have been called.";
    case "waiting":
      return "Waiting for a server.";
    case "reading":
      return total > 0 ? `Reading the log: ${Math.floor((100 * Math.min(read, total)) / total)} %.` : "Reading the log.";
    case "building":
      return "Building the state.";
    default:
      return "Recovery has begun.";
  }
}

function kept(view: View): string {
  const { held, logInRefused } = view;
  if (logInRefused) return `${sentence(logInRefused.message)} ${sentence(logInRefused.help)}`;
  if (!held.known) return "";
  return held.cards.length > 0 ? "Your cards are kept; commands wait." : "Your status is kept; commands wait.";
}

interface Props {
  readonly mood: "wait" | "watch" | "late";
  // Nothing is under way.
  readonly still?: boolean;
  readonly title: string;
  readonly text: string;
  readonly children?: ComponentChildren;
}

function Bar({ mood, still, title, text, children }: Props) {
  return (
    <div class={`banner is-${mood}`} role="status">
      <span class={still ? "banner-mark is-still" : "banner-mark"} aria-hidden="true" />
      <p>
        <strong>{sentence(title)}</strong> {text}
      </p>
      {children}
    </div>
  );
}

// By performance.now(): the link's own time, not the server's.
function Countdown({ until }: { until: number }) {
  const [now, set] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => set(performance.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return <span class="banner-count time">in {Math.max(0, Math.ceil((until - now) / 1000))} s</span>;
}
