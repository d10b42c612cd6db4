// What several of the jobs' pages are made of.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { unverified } from "../../jobs/trouble";
import { ended, progressWords, stateOf, stateWord, type State } from "../../jobs/words";
import type { Job } from "../../wire/wire";
import { Button } from "../button";
import { Glyph, type IconName } from "../icons";

// A page's heading takes the focus that the page before has left behind.
export function Heading({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus();
  }, []);
  return (
    <h2 ref={heading} tabIndex={-1}>
      {children}
    </h2>
  );
}

const icons: Record<State, IconName> = {
  "taking-in": "dots",
  running: "play",
  paused: "pause",
  cancelling: "dots",
  cancelled: "minus",
  done: "check",
  failures: "info",
};

export function StateTag({ job }: { job: Job }) {
  const state = stateOf(job);
  return (
    <span class={`state is-${state}`} data-state={state}>
      <Glyph name={icons[state]} />
      {stateWord[state]}
    </span>
  );
}

// How much of a job was applied, failed and was cancelled, as parts of one bar. The numbers stand beside it.
export function Bar({ job, label }: { job: Job; label: string }) {
  const part = (n: number) => (job.total === 0 ? 0 : (100 * n) / job.total);
  const [applied, failed, cancelled] = [part(job.applied), part(job.failed), part(job.cancelled)];
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={job.total}
      aria-valuenow={ended(job)}
      aria-valuetext={progressWords(job)}
    >
      <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <rect class="bar-applied" width={applied} height={1} />
        <rect class="bar-failed" x={applied} width={failed} height={1} />
        <rect class="bar-cancelled" x={applied + failed} width={cancelled} height={1} />
      </svg>
    </div>
  );
}

const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const long = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

// A moment by the clock of whoever looks.
export function When({ at, exact }: { at: number; exact?: boolean }) {
  if (at === 0) return null;
  const time = new Date(at);
  return (
    <time class="time" dateTime={time.toISOString()} title={long.format(time)}>
      {(exact ? long : short).format(time)}
    </time>
  );
}

// Why what is shown may not be what is.
export function Doubts({ trouble, verified }: { trouble: string; verified: boolean }) {
  const known = trouble || (verified ? "" : unverified);
  return (
    <div role="status">
      {known && (
        <p class={trouble ? "doubt is-late" : "doubt is-watch"}>
          <Glyph name="info" />
          <span>{known}</span>
        </p>
      )}
    </div>
  );
}

interface Turns {
  readonly what: string;
  readonly page: number;
  readonly more: boolean;
  readonly back: () => void;
  readonly forth: () => void;
  readonly words: readonly [back: string, forth: string];
}

// Nothing where there is only one page.
export function Turn({ what, page, more, back, forth, words }: Turns) {
  if (page === 1 && !more) return null;
  return (
    <nav class="turn" aria-label={`Pages of ${what}`}>
      <Button off={page === 1} onPress={back}>
        {words[0]}
      </Button>
      <span class="hint" aria-live="polite">
        Page {page}
      </span>
      <Button off={!more} onPress={forth}>
        {words[1]}
      </Button>
    </nav>
  );
}
