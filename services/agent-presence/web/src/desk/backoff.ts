const first = 800;
const most = 30_000;

// Full jitter: anywhere between nothing and a bound that doubles with each attempt, so that screens that lost one
// server do not all arrive at the next together.
export function backoff(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(most, first * 2 ** Math.min(attempt, 10));
}
