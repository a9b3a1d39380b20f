// Written by `tollgate plugin build`: takes in plugin.js, says now what it lacks, and of a promise that nobody waits for.

import * as plugin from "../plugin.js";

const isGuard = IS_GUARD;
const needed = [
  ["lifecycle", "describe"],
  ["lifecycle", "init"],
  ["lifecycle", "stop"],
  ["handler", "handle"],
];
if (isGuard) needed.push(["gate", "check"]);
const asynchronous = (name) =>
  `\`${name}\` in plugin.js is asynchronous, and the host waits for no promise: leave out \`async\`, \`await\` and \`then\`; what the host offers answers at once`;

const made = { lifecycle: {}, handler: {}, gate: {} };
for (const [part, name] of needed) {
  const written = plugin[part]?.[name];
  let amiss;
  if (typeof written !== "function") amiss = `plugin.js has to export \`${part}\`, with a function \`${name}\``;
  else if (written.constructor.name === "AsyncFunction") amiss = asynchronous(name);
  if (amiss) {
    const error = new Error(amiss);
    // This file is none of the author's.
    error.stack = "";
    throw error;
  }
  made[part][name] = (...given) => {
    const answer = written.apply(plugin[part], given);
    // What it does later would be done for nobody, and its errors heard by nobody.
    if (typeof answer?.then === "function") throw new Error(asynchronous(name));
    return answer;
  };
}

export const { lifecycle, handler, gate } = made;
