// "0:07", "12:34", "1:02:03"
export function duration(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor(all / 60) % 60;
  const seconds = two(all % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}

// What is left, rounded up: "0:01" until it is over.
export function left(ms: number): string {
  return duration(Math.ceil(Math.max(0, ms) / 1000) * 1000);
}

// Rounded down: 79.9 % is not the 80 % that was promised.
export function percent(share: number): string {
  return `${Math.floor(share * 100 + 1e-9)} %`;
}

const counts = new Intl.NumberFormat("en");

export function count(n: number): string {
  return counts.format(n);
}
