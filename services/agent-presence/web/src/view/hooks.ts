import { createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import type { Tokens } from "../auth/tokens";
import type { CallsList, CallsView } from "../calls/list";
import type { Desktop, View } from "../desk/desktop";
import type { FiguresFeed, FiguresView } from "../figures/feed";
import type { AdminSession } from "../jobs/admin";
import { routeOf, type Route } from "../jobs/route";
import type { Preferences } from "./preferences";
import type { Ringer } from "./ringer";

export interface Parts {
  readonly tokens: Tokens;
  readonly desk: Desktop;
  readonly feed: FiguresFeed;
  readonly calls: CallsList;
  readonly admin: AdminSession;
  readonly preferences: Preferences;
  readonly ringer: Ringer;
}

export const PartsContext = createContext<Parts | undefined>(undefined);

export function useParts(): Parts {
  const parts = useContext(PartsContext);
  if (!parts) throw new Error("rendered outside of main.tsx's PartsContext");
  return parts;
}

interface Subject<T> {
  get(): T;
  subscribe(changed: () => void): () => void;
}

export function useSubject<T>(subject: Subject<T>): T {
  const [value, set] = useState(() => subject.get());
  useEffect(() => {
    const changed = () => set(() => subject.get());
    changed();
    return subject.subscribe(changed);
  }, [subject]);
  return value;
}

export const useDesk = (): View => useSubject(useParts().desk);
export const useCalls = (): CallsView => useSubject(useParts().calls);
export const useFigures = (): FiguresView => useSubject(useParts().feed);

// The server's time, again every `ms`. Only the component that uses it is drawn again.
export function useNow(ms = 250): number {
  const { clock } = useParts().desk;
  const [now, set] = useState(() => clock.now());
  useEffect(() => {
    const tick = () => set(clock.now());
    tick();
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  }, [clock, ms]);
  return now;
}

export function useRoute(): Route {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => set(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return useMemo(() => routeOf(hash), [hash]);
}

interface Polled {
  start(): void;
  stop(): void;
}

// Keeps it asking while the component is there and the page is looked at.
export function usePolled(polled: Polled): void {
  useEffect(() => {
    const look = () => (document.visibilityState === "visible" ? polled.start() : polled.stop());
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      polled.stop();
    };
  }, [polled]);
}
