// Many official Socket.IO clients in overlapping rooms, some of which stop reading for a while: what each event takes to
// those that read, and what the others are told once they read on. All of it by one clock.
const { performance } = require("node:perf_hooks");
const { io } = require("socket.io-client");
const { asker, environment, number, pause, say, told, until } = require("./common.cjs");

const [address, token] = [environment("ADDRESS"), environment("TOKEN")];
const [clients, stalled, villages] = [number("CLIENTS"), number("STALLED"), number("VILLAGES")];
const [events, perSecond, batch, warmUp] = [number("EVENTS"), number("PER_SECOND"), number("BATCH"), number("WARM_UP")];
const [fillers, fillerBatch] = [number("FILLERS"), number("FILLER_BATCH")];
const TEXT = "x".repeat(number("TEXT_BYTES"));
const FILLER = "y".repeat(number("FILLER_BYTES"));
// Longest that nothing arrives before what is missing counts as lost; how often that is looked at.
const IDLE_MS = 20_000;
const POLL_MS = 50;
const AT_ONCE = 50;

const { emit } = asker(address, token);
const wanted = warmUp + events;
const [sent, seqs, latencies] = [new Float64Array(wanted), new Float64Array(wanted), []];
const villageOf = (n) => n % villages;
let latest = performance.now();

// One client, and what it was told. Those that stall hear of hooks, too: those are large, and nobody else's.
class Client {
  constructor(at) {
    this.stalls = at >= clients - stalled;
    this.village = at % villages;
    this.seen = new Uint8Array(wanted);
    this.counts = { deliveries: 0, twice: 0, out_of_order: 0, foreign: 0, gaps: 0, missed: 0, closed: 0 };
    this.last = 0;
    this.ranges = [];
  }

  async connect() {
    const auth = { token, hooks: this.stalls };
    this.socket = io(`http://${address}`, { auth, transports: ["websocket"], forceNew: true, reconnection: false });
    this.socket.on("work_stream_event", (event, cursor) => this.take(event, cursor));
    this.socket.on("claude_event", (event, cursor) => this.moved(cursor));
    this.socket.on("stream_gap", ({ from, to, count }) => this.gap(from, to, count));
    this.socket.on("disconnect", () => { this.counts.closed += 1; });
    await new Promise((resolve, reject) => { this.socket.on("connect", resolve).on("connect_error", reject); });
    for (const [name, id] of [["village", `v${this.village}`], ["agent", `a${this.village}`], ["repo", "r0"]]) {
      const answer = await this.socket.emitWithAck(`join_${name}`, { [`${name}Id`]: id });
      if (answer.room !== `${name}:${id}`) { throw new Error(JSON.stringify(answer)); }
    }
  }

  // Every event that is told has a place behind the last.
  moved(cursor) {
    const seq = Number(cursor.split(".")[1]);
    if (seq <= this.last) { this.counts.out_of_order += 1; }
    this.last = seq;
    latest = performance.now();
    return seq;
  }

  take(event, cursor) {
    const at = performance.now();
    this.moved(cursor);
    const { n } = event.payload;
    if (!this.wants(n)) { this.counts.foreign += 1; return; }
    if (this.seen[n] === 1) { this.counts.twice += 1; return; }
    this.seen[n] = 1;
    this.counts.deliveries += 1;
    if (n >= warmUp && !this.stalls) { latencies.push(Math.round((at - sent[n]) * 1_000)); }
  }

  gap(from, to, count) {
    if (from <= this.last) { this.counts.out_of_order += 1; }
    this.last = to;
    this.ranges.push([from, to]);
    this.counts.gaps += 1;
    this.counts.missed += count;
    latest = performance.now();
  }

  // The first village works in a repository that everybody follows.
  wants(n) { return villageOf(n) === this.village || villageOf(n) === 0; }

  // Of what is its own: what it was neither told nor told that it missed.
  untold() {
    let untold = 0;
    for (let n = 0; n < wanted; n += 1) {
      const covered = this.ranges.some(([from, to]) => from <= seqs[n] && seqs[n] <= to);
      if (this.wants(n) && this.seen[n] === 0 && !covered) { untold += 1; }
    }
    return untold;
  }

  get transport() { return this.socket.io.engine.transport.ws; }
}

function sum(some) {
  const all = { untold: 0 };
  for (const client of some) {
    all.untold += client.untold();
    for (const [name, count] of Object.entries(client.counts)) { all[name] = (all[name] ?? 0) + count; }
  }
  return all;
}

async function record(drafts) {
  const { events: receipts } = await emit(drafts);
  return receipts.map((receipt) => receipt.seq);
}

async function main() {
  const place = (village) => ({
    type: "session.started", session: `s${village}`,
    payload: { providerId: "p", providerVersion: "1", workspacePath: "/w", roomPath: "/", agentId: `a${village}`,
      villageId: `v${village}`, ...(village === 0 ? { repoId: "r0" } : {}) },
  });
  await record(Array.from({ length: villages }, (_, village) => place(village)));
  const all = Array.from({ length: clients }, (_, at) => new Client(at));
  const [slow, fast] = [all.filter((client) => client.stalls), all.filter((client) => !client.stalls)];
  // So many at once as may be there without having said who they are.
  for (let from = 0; from < clients; from += AT_ONCE) {
    await Promise.all(all.slice(from, from + AT_ONCE).map((client) => client.connect()));
  }
  const go = told();
  say({ connected: clients });
  await go;
  for (const client of slow) { client.transport.pause(); }
  // More than their sockets hold, so that their queues run over.
  for (let from = 0; slow.length > 0 && from < fillers; from += fillerBatch) {
    await record(Array.from({ length: fillerBatch }, () => ({ type: "hook.filler", payload: { text: FILLER } })));
  }
  say({ measuring: true });
  const begin = performance.now();
  const posts = [];
  for (let from = 0; from < wanted; from += batch) {
    await until(begin + (from * 1_000) / perSecond);
    const to = Math.min(from + batch, wanted);
    const drafts = [];
    for (let n = from; n < to; n += 1) {
      const village = villageOf(n);
      sent[n] = performance.now();
      const payload = { agentId: `a${village}`, sessionId: `s${village}`, type: "output", payload: { data: TEXT, n }, timestamp: 1 };
      drafts.push({ type: "work_stream.event", session: `s${village}`, payload });
    }
    posts.push(record(drafts).then((receipts) => receipts.forEach((seq, at) => { seqs[from + at] = seq; })));
  }
  await Promise.all(posts);
  const seconds = (performance.now() - begin) / 1_000;
  const settled = async (some) => {
    latest = performance.now();
    while (some.some((client) => client.untold() > 0 && client.counts.closed === 0) && performance.now() - latest < IDLE_MS) {
      await pause(POLL_MS);
    }
  };
  await settled(fast);
  for (const client of slow) { client.transport.resume(); }
  await settled(slow);
  say({ fast: sum(fast), slow: sum(slow), seconds, latencies_us: latencies,
    each_was_told: slow.filter((client) => client.counts.gaps > 0).length });
}

main().catch((error) => { console.error(error); process.exit(1); });
