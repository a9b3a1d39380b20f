// Many clients in one process, and who emits to them: as fast as all of them take it, or so many a second.
const { performance } = require("node:perf_hooks");
const { Tally, asker, environment, number, say, told, until } = require("./common.cjs");

const [kind, address] = [environment("KIND"), environment("ADDRESS")];
const [clients, events, perSecond] = [number("CLIENTS"), number("EVENTS"), number("PER_SECOND")];
const [batch, window] = [number("BATCH"), number("WINDOW")];
const token = process.env.TOKEN;
const TEXT = "x".repeat(number("TEXT_BYTES"));
const tally = new Tally(clients, events);

const KINDS = {
  tollgate(client) {
    const { WebSocket } = require("ws");
    const headers = { Authorization: `Bearer ${token}` };
    const socket = new WebSocket(`ws://${address}/ws/events?filter=fanout.*`, { headers, perMessageDeflate: false });
    socket.on("message", (data) => {
      const event = JSON.parse(data);
      if (event.type === "fanout.sample") { tally.take(client, event.payload.n); } else { tally.unexpected(); }
    });
    socket.on("close", () => tally.unexpected());
    return new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  },
  "socket.io"(client) {
    const { io } = require("socket.io-client");
    const socket = io(`http://${address}`, { transports: ["websocket"], forceNew: true, reconnection: false });
    socket.on("event", (event) => tally.take(client, event.payload.n));
    socket.on("disconnect", () => tally.unexpected());
    return new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
  },
};

async function main() {
  const { emit } = asker(address, token);
  await Promise.all(Array.from({ length: clients }, (_, client) => KINDS[kind](client)));
  const go = told();
  say({ connected: clients });
  await go;
  const begun = performance.now();
  let all = true;
  for (let from = 0; all && from < events; from += batch) {
    const to = Math.min(from + batch, events);
    // No more than this is under way, so that nobody falls behind by as much as loses events.
    all = await tally.reached(to - window);
    if (perSecond > 0) { await until(begun + (from * 1_000) / perSecond); }
    const event = (n) => ({ type: "fanout.sample", payload: { n, text: TEXT } });
    await emit(Array.from({ length: to - from }, (_, at) => event(from + at)));
  }
  await tally.reached(events);
  say({ ...tally.report(), seconds: (performance.now() - begun) / 1_000 });
}

main().catch((error) => { console.error(error); process.exit(1); });
