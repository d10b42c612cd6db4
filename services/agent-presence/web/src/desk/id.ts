// A random id. (crypto.randomUUID is not there on pages served by plain HTTP.)
export function id(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
