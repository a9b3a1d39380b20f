// Written by `tollgate plugin build`: takes in plugin.js, and says now what it lacks.

import * as plugin from "../plugin.js";

const isGuard = IS_GUARD;
const needed = [
  ["lifecycle", "describe"],
  ["lifecycle", "init"],
  ["lifecycle", "stop"],
  ["handler", "handle"],
];
if (isGuard) needed.push(["gate", "check"]);
for (const [part, name] of needed) {
  if (typeof plugin[part]?.[name] !== "function") {
    const error = new Error(`plugin.js has to export \`${part}\`, with a function \`${name}\``);
    // This file is none of the author's.
    error.stack = "";
    throw error;
  }
}

export const { lifecycle, handler, gate } = plugin;
