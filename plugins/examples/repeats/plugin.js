// Tells of an agent that goes in circles: the same tool call, with the same input, several times in a row.

import { emit } from "tollgate:plugin/bus@0.1.0";
import { delete as forget, get, keys, set } from "tollgate:plugin/store@0.1.0";

// Sessions remembered. A session that ends says so only to some agents, so that one is forgotten for each new one.
const MAX_SESSIONS = 200;
// Characters of a call that are compared. Calls that differ only behind them are the same where they are as long.
const MAX_CALL = 2000;
// How many in a row are told of, and each time as many more come; the operator may say otherwise.
let limit = 3;

// The store holds bytes, and this engine has no TextEncoder; what is kept here is digits.
const toBytes = (text) => Uint8Array.from(text, (digit) => digit.charCodeAt(0));
const toText = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

// A number that stands for a call: the call itself would fill the store.
function told(call) {
  const text = JSON.stringify([call.tool_name, call.tool_input]);
  const end = Math.min(text.length, MAX_CALL);
  let number = text.length;
  for (let at = 0; at < end; at++) number = (Math.imul(number, 31) + text.charCodeAt(at)) | 0;
  return number;
}

export const lifecycle = {
  describe() {
    return {
      name: "repeats",
      version: "0.1.0",
      summary: "Tells of agents that make the same tool call again and again",
      subscriptions: ["tool.gated"],
      gates: [],
      needs: [{ tag: "emit", val: "repeats.noticed" }],
      wants: [],
      configSchema: JSON.stringify({
        type: "object",
        properties: { limit: { type: "integer", minimum: 2, maximum: 1000 } },
        additionalProperties: false,
      }),
    };
  },
  init(config) {
    limit = JSON.parse(config).limit ?? limit;
  },
  stop() {},
};

export const handler = {
  handle(event) {
    const call = JSON.parse(event.payload);
    const kept = get(call.session_id);
    if (!kept) {
      const sessions = keys("");
      if (sessions.length >= MAX_SESSIONS) forget(sessions[0]);
    }
    const [last, before] = kept ? JSON.parse(toText(kept)) : [];
    const now = told(call);
    const times = now === last ? before + 1 : 1;
    set(call.session_id, toBytes(JSON.stringify([now, times])));
    if (times % limit === 0) {
      const payload = { session_id: call.session_id, tool_name: call.tool_name, times };
      emit({ type: "repeats.noticed", entity: null, payload: JSON.stringify(payload) });
    }
  },
};
