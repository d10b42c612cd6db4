import { useNow } from "./hooks";
import { duration, left } from "./format";

// How long since a moment of the server's clock; nothing if there is none.
export function Since({ at }: { at: number }) {
  const now = useNow();
  return at === 0 ? null : <time class="time">{duration(now - at)}</time>;
}

// A ring that empties until a moment of the server's clock, with what is left in words.
export function Ring({ from, until, label }: { from: number; until: number; label: string }) {
  const now = useNow(100);
  if (until === 0) return null;
  const part = Math.min(1, Math.max(0, (until - now) / Math.max(1, until - from)));
  const urgent = until - now < 5_000;
  return (
    <div class={urgent ? "ring is-urgent" : "ring"} role="timer" aria-label={label}>
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <circle class="ring-track" cx="24" cy="24" r="21" pathLength={100} />
        <circle class="ring-left" cx="24" cy="24" r="21" pathLength={100} stroke-dasharray={`${part * 100} 100`} />
      </svg>
      <span class="ring-text time">{left(until - now)}</span>
    </div>
  );
}
