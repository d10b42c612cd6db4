// Outcomes as CSV, with the columns that `busyhour provision outcomes` writes (pure).

import type { Outcome } from "../wire/wire";
import { entityOf, outcomeWord } from "./words";

export const heading = line(["number", "agent", "outcome", "reason", "attempts", "at", "entity", "note"]);

export function row(o: Outcome): string {
  const at = o.at === 0 ? "" : new Date(o.at).toISOString().replace(/\.\d+Z$/, "Z");
  const how = [outcomeWord(o.outcome), harmless(o.reason), String(o.attempts), at];
  return line([String(o.number), harmless(o.agentId), ...how, harmless(entityOf(o)), harmless(o.note)]);
}

// Keeps a spreadsheet from taking a cell for a formula, as OWASP advises against CSV injection.
export function harmless(cell: string): string {
  return /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell;
}

function line(cells: readonly string[]): string {
  return `${cells.map(quoted).join(",")}\n`;
}

function quoted(cell: string): string {
  return /[",\r\n]|^\s/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
