// Many clients that read, with and without one beside them that does not: how long each event takes to each of them,
// by one clock.
const { performance } = require("node:perf_hooks");
const { WebSocket } = require("ws");
const { Tally, asker, environment, number, pause, say, told, until } = require("./common.cjs");

const [address, token] = [environment("ADDRESS"), environment("TOKEN")];
const [clients, events, perSecond, rounds] = [number("CLIENTS"), number("EVENTS"), number("PER_SECOND"), number("ROUNDS")];
const [warmUp, fillers, batch] = [number("WARM_UP"), number("FILLERS"), number("FILLER_BATCH")];
const FILLER = "x".repeat(number("FILLER_BYTES"));
// How long the stalled one may take to hear of it once it reads again, and how long its gap may take to come about.
const TOLD_MS = 30_000;
const FILLED_MS = 10_000;
const POLL_MS = 50;

const { emit, get } = asker(address, token);
// What counts now: the fast clients stay connected from one phase to the next.
let tally, sent, latencies;

function connect(filter) {
  const headers = { Authorization: `Bearer ${token}` };
  const socket = new WebSocket(`ws://${address}/ws/events?filter=${filter}`, { headers, perMessageDeflate: false });
  return new Promise((resolve, reject) => socket.on("open", () => resolve(socket)).on("error", reject));
}

async function fast(client) {
  const socket = await connect("fanout.sample");
  socket.on("message", (data) => {
    const at = performance.now();
    const event = JSON.parse(data);
    if (event.type !== "fanout.sample") { tally.unexpected(); return; }
    const n = event.payload.n;
    if (tally.take(client, n) && n >= warmUp) { latencies.push(Math.round((at - sent[n]) * 1_000)); }
  });
  socket.on("close", () => tally.unexpected());
}

// What the daemon says of who lost the most, all others being fast: they lose nothing, which the tally shows.
async function dropped() {
  const { clients: listed } = await get("/api/stats");
  return Math.max(0, ...listed.map((one) => one.dropped));
}

async function filled() {
  const until = performance.now() + FILLED_MS;
  while (performance.now() < until) {
    const lost = await dropped();
    if (lost > 0) { return lost; }
    await pause(POLL_MS);
  }
  return 0;
}

// Reads on where it stopped: which it is told, of a gap or by a close.
function resume(socket) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("nothing"), TOLD_MS);
    const told = (how) => { clearTimeout(timer); resolve(how); };
    socket.on("message", (data) => { if (JSON.parse(data).type === "stream.gap") { told("gap"); } });
    socket.on("close", () => told("closed"));
    socket.resume();
  });
}

async function phase(stalled) {
  [tally, sent, latencies] = [new Tally(clients, warmUp + events), new Float64Array(warmUp + events), []];
  const slow = stalled ? await connect("fanout.*") : undefined;
  if (slow) { slow.on("error", () => {}); slow.pause(); }
  // The same is emitted either way; the fast ones do not follow it.
  for (let from = 0; from < fillers; from += batch) {
    const filler = { type: "fanout.filler", payload: { text: FILLER } };
    await emit(Array.from({ length: Math.min(batch, fillers - from) }, () => filler));
  }
  const before = slow ? await filled() : 0;
  const begin = performance.now();
  const posts = [];
  for (let n = 0; n < warmUp + events; n += 1) {
    await until(begin + (n * 1_000) / perSecond);
    if (n === warmUp) { say({ measuring: true }); }
    sent[n] = performance.now();
    posts.push(emit([{ type: "fanout.sample", payload: { n } }]));
  }
  await Promise.all(posts);
  await tally.reached(warmUp + events);
  const after = slow ? await dropped() : 0;
  const told = slow ? await resume(slow) : undefined;
  if (slow) { slow.terminate(); }
  say({ ...tally.report(), latencies_us: latencies, dropped_before: before, dropped_after: after, told });
}

async function main() {
  await Promise.all(Array.from({ length: clients }, (_, client) => fast(client)));
  const go = told();
  say({ connected: clients });
  await go;
  for (let round = 0; round < rounds; round += 1) {
    await phase(false);
    await phase(true);
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
