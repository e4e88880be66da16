// What processes cost.

import { readFileSync, readdirSync } from "node:fs";

// What `getconf CLK_TCK` says everywhere.
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process and of all that it has started and that is there still. Null where it cannot be known. */
export function cpuSeconds(pid) {
  const processes = new Map();
  try {
    for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const found = read(name);
      if (found) processes.set(Number(name), found);
    }
  } catch {
    return null;
  }
  const isWithin = (id) => {
    for (let at = id; processes.has(at); at = processes.get(at).parent) if (at === pid) return true;
    return false;
  };
  const within = [...processes].filter(([id]) => isWithin(id));
  return within.reduce((sum, [, { ticks }]) => sum + ticks, 0) / TICKS_PER_SECOND;
}

function read(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name before it can hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}
