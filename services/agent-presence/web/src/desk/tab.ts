// A duplicated tab starts with a copy of the session, screen id included; but a screen id is for one socket. The tab
// that holds the lock keeps the id. (On plain HTTP there are no locks; there the server has to close the older socket.)

const held = new Set<string>();

// Longer than a reloaded page needs to let go of what it held.
const patience = 500;

export async function holdsScreen(screenId: string): Promise<boolean> {
  if (!screenId || held.has(screenId) || !("locks" in navigator)) return true;
  const got = await new Promise<boolean>((resolve) => {
    const untilTheTabGoes = () => {
      resolve(true);
      return new Promise<never>(() => {});
    };
    navigator.locks
      .request(`busyhour.screen.${screenId}`, { signal: AbortSignal.timeout(patience) }, untilTheTabGoes)
      .catch(() => resolve(false));
  });
  if (got) held.add(screenId);
  return got;
}
