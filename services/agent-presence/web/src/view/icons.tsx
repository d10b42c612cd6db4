// Each state has a shape of its own, so that none needs colour to be told.

import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const paths = {
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5a2 2 0 0 0 4 0",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  phone: "M6.5 4h3l1.5 4-2 1.5a11 11 0 0 0 5.5 5.5L16 13l4 1.5v3a2 2 0 0 1-2.2 2A16 16 0 0 1 4.5 6.2 2 2 0 0 1 6.5 4z",
  pause: "M9 6v12M15 6v12",
  pen: "M5 19l1-4L16 5l3 3L9 18zM13.5 7.5l3 3",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  minus: "M12 4a8 8 0 1 0 .01 0M8.5 12h7",
  cup: "M5 9h11v5a4 4 0 0 1-4 4H9a4 4 0 0 1-4-4zM16 10h1.5a2.5 2.5 0 0 1 0 5H16M8 3v2.5M12.5 3v2.5",
  moon: "M18.5 14.5A7.5 7.5 0 0 1 9.5 5.5a7.5 7.5 0 1 0 9 9z",
  play: "M8 5.5v13l10.5-6.5z",
  hangUp: "M4 14.5c0-5 16-5 16 0v2l-4 .5v-3a12 12 0 0 0-8 0v3l-4-.5z",
  sound: "M5 10v4h3l4 3.5v-11L8 10zM15.5 9.5a4 4 0 0 1 0 5M18 7a7.5 7.5 0 0 1 0 10",
  mute: "M5 10v4h3l4 3.5v-11L8 10zM15.5 10l4 4M19.5 10l-4 4",
  keyboard: "M3.5 7h17v10h-17zM7 10.5h.01M10.5 10.5h.01M14 10.5h.01M17 10.5h.01M8 14h8",
  keyboardOff: "M3.5 7h17v10h-17zM7 10.5h.01M10.5 10.5h.01M14 10.5h.01M17 10.5h.01M8 14h8M4 20L20 4",
  door: "M13.5 4.5h-8v15h8M10 12h10M16.5 8.5L20 12l-3.5 3.5",
  up: "M12 16V5M7.5 9.5L12 5l4.5 4.5M5 19h14",
  down: "M12 5v11M7.5 11.5L12 16l4.5-4.5M5 19h14",
  again: "M19 12a7 7 0 1 1-2-4.9M19 4v4h-4",
  info: "M12 4a8 8 0 1 0 .01 0M12 11.5v4.5M12 8.2h.01",
} as const;

export type IconName = keyof typeof paths;

export function Glyph({ name }: { name: IconName }) {
  return (
    <Icon>
      <path d={paths[name]} />
    </Icon>
  );
}

// Filled: circle, triangle, square stand for good, watch, late.
export function LevelMark({ level }: { level: "good" | "watch" | "late" }) {
  const shape = { good: "M12 5a7 7 0 1 0 .01 0z", watch: "M12 4l9 16H3z", late: "M5 5h14v14H5z" }[level];
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shape} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect class="logo-back" width="32" height="32" rx="8" />
      <rect class="logo-bar" x="7" y="17" width="4" height="8" rx="2" />
      <rect class="logo-bar" x="14" y="7" width="4" height="18" rx="2" />
      <rect class="logo-bar" x="21" y="12" width="4" height="13" rx="2" />
    </svg>
  );
}
