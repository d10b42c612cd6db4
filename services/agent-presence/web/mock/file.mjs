// Reads a file of agents as provisioning does, without its finer points: no quotes.

const columns = ["id", "name", "skills", "queues", "capacity", "address"];

export function read(text) {
  const [heading = "", ...rows] = text.replace(/\r/g, "").replace(/\n$/, "").split("\n");
  const names = heading.split(",").map((c) => c.trim().toLowerCase());
  const errors = heads(names);
  if (errors.length > 0) return { ids: [], errors, lines: 0 };
  const first = new Map();
  rows.forEach((row, i) => errors.push(...wrong(names, row.split(","), i + 2, first)));
  return { ids: [...first.keys()], errors, lines: rows.length };
}

function heads(names) {
  const strange = names.filter((c) => !columns.includes(c));
  const missing = ["id", "name"].filter((c) => !names.includes(c));
  return [
    ...strange.map((column) => ({ line: 1, column, problem: `is not a column: they are ${columns.join(", ")}, with commas between` })),
    ...missing.map((column) => ({ line: 1, column, problem: "this column is missing from the heading" })),
  ];
}

function wrong(names, cells, line, first) {
  if (cells.length !== names.length) return [{ line, problem: `has ${cells.length} cells, the heading has ${names.length}` }];
  const cell = Object.fromEntries(names.map((n, i) => [n, cells[i].trim()]));
  const all = [];
  const say = (column, problem) => all.push({ line, column, problem });
  if (!cell.id) say("id", "is missing");
  else if (first.has(cell.id)) say("id", `"${cell.id}" stands on line ${first.get(cell.id)} already`);
  else first.set(cell.id, line);
  if (!cell.name) say("name", "is missing");
  for (const skill of (cell.skills ?? "").split(";").filter(Boolean)) {
    const level = skill.slice(skill.lastIndexOf(":") + 1);
    if (!skill.includes(":")) say("skills", `"${skill}" is not name:level, a level being 0 to 100; skills are written english:80;sales:50`);
    else if (!(Number(level) <= 100)) say("skills", `"${skill.slice(0, skill.lastIndexOf(":"))}" has level ${level}, a level is 0 to 100`);
  }
  return all;
}
