// What both loads share: asking a server over HTTP, counting what arrives, and talking with whoever started them.
const http = require("node:http");
const { performance } = require("node:perf_hooks");

// Longest that nothing arrives before what is missing counts as lost.
const IDLE_MS = 20_000;

// One JSON object a line.
exports.say = (said) => process.stdout.write(JSON.stringify(said) + "\n");
exports.environment = (name) => {
  const value = process.env[name];
  if (value === undefined) { throw new Error(`${name} is not set`); }
  return value;
};
exports.number = (name) => Number(exports.environment(name));

// Ends with standard input; resolves once a line comes there.
exports.told = () => new Promise((resolve) => {
  process.stdin.on("data", resolve);
  process.stdin.on("end", () => process.exit(0));
});

exports.pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Resolves at `at`, by performance.now(); at once where that is over.
exports.until = async (at) => {
  const left = at - performance.now();
  if (left > 0) { await exports.pause(left); }
};

// Asks over one connection that is kept, one request after another.
exports.asker = (address, token) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const ask = (method, path, body) => new Promise((resolve, reject) => {
    const request = http.request(`http://${address}${path}`, { agent, method, headers }, (response) => {
      const parts = [];
      response.on("error", reject);
      response.on("data", (part) => parts.push(part));
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        const good = response.statusCode >= 200 && response.statusCode < 300;
        if (good) { resolve(JSON.parse(text)); } else { reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`)); }
      });
    });
    request.on("error", reject);
    request.end(body);
  });
  return { emit: (events) => ask("POST", "/api/events", JSON.stringify(events)), get: (path) => ask("GET", path) };
};

// What arrived where: events 0 to `events` - 1, each at each of `clients`.
exports.Tally = class Tally {
  constructor(clients, events) {
    this.clients = clients;
    this.wanted = clients * events;
    this.seen = Array.from({ length: clients }, () => new Uint8Array(events));
    this.next = new Uint32Array(clients);
    this.arrived = new Uint32Array(events);
    // Events that are with every client.
    this.whole = 0;
    this.counts = { deliveries: 0, twice: 0, out_of_order: 0, unexpected: 0 };
    this.wake = () => {};
  }

  // Whether this is the first time that event `n` is with this client.
  take(client, n) {
    if (!(n < this.arrived.length)) { this.unexpected(); return false; }
    if (n !== this.next[client]) { this.counts.out_of_order += 1; }
    this.next[client] = n + 1;
    if (this.seen[client][n] === 1) { this.counts.twice += 1; return false; }
    this.seen[client][n] = 1;
    this.counts.deliveries += 1;
    this.arrived[n] += 1;
    if (this.arrived[n] === this.clients) { this.whole += 1; this.wake(); }
    return true;
  }

  // Something that is no event: a gap, a connection that ended.
  unexpected() { this.counts.unexpected += 1; }

  // Resolves once so many events are with every client: false where nothing arrives any more.
  async reached(whole) {
    while (this.whole < whole) {
      const before = this.counts.deliveries;
      let timer;
      await new Promise((resolve) => { this.wake = resolve; timer = setTimeout(resolve, IDLE_MS); });
      clearTimeout(timer);
      if (this.counts.deliveries === before) { return false; }
    }
    return true;
  }

  // What was counted, for `say`.
  report() { return { ...this.counts, lost: this.wanted - this.counts.deliveries }; }
};
