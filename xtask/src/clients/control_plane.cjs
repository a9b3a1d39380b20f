// Two npm clients, as they are, and a whole session: the official Socket.IO client in rooms of a village and of an agent, and
// `ws` on /ws. A small program is run in a terminal; it asks for an approval, which is answered from a room.
const http = require("node:http");
const { io } = require("socket.io-client");
const { WebSocket } = require("ws");
const { ADDRESS: address, TOKEN: token, APPROVER: approver, WORKSPACE: workspace, DECISION: decision } = process.env;
const [village, agent] = [`village-${decision}`, `agent-${decision}`];
const REASON = "because it was said so";

const fail = (error) => { console.error(error); process.exit(1); };
const until = async (what, done) => {
  const end = Date.now() + 40_000;
  while (!done()) {
    if (Date.now() > end) { fail(`waited for ${what}: ${JSON.stringify(seen)}`); }
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
};
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const headers = { Authorization: `Bearer ${approver}`, "Content-Type": "application/json" };
  const request = http.request(`http://${address}${path}`, { method, headers }, (response) => {
    let text = "";
    response.on("data", (part) => { text += part; });
    response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
  });
  request.on("error", reject);
  request.end(body && JSON.stringify(body));
});
const post = async (path, body) => {
  const answer = await ask("POST", path, body);
  if (answer.status !== 200) { fail(`${path}: ${JSON.stringify(answer)}`); }
  return answer.body;
};

const seen = { rooms: {}, plain: { said: [], output: "", states: [], end: null }, joined: [], answers: [] };

// A Socket.IO client in these rooms, and what it is told there.
async function inRooms(name, auth, rooms) {
  const seenHere = { output: "", steps: [], other: [], states: [], end: null, reason: null, twice: 0 };
  seen.rooms[name] = seenHere;
  const socket = io(`http://${address}`, { auth: { hooks: false, ...auth }, forceNew: true, reconnection: false });
  const cursors = new Set();
  socket.onAny((event, told, cursor) => {
    if (!cursor) { return; }
    if (cursors.has(cursor)) { seenHere.twice += 1; }
    cursors.add(cursor);
    if (event !== "work_stream_event") { seenHere.other.push(event); return; }
    const { type, payload } = told;
    if (type === "output") { seenHere.output += payload.data; } else { seenHere.steps.push(type); }
    if (type === "status_change" && payload.newState) {
      seenHere.states.push(payload.newState);
      seenHere.reason = payload.reason ?? null;
    }
    if (type === "session_end") { seenHere.end = payload.finalState; }
  });
  socket.on("connect_error", fail);
  await new Promise((resolve) => { socket.on("connect", resolve); });
  for (const [kind, id] of rooms) {
    const answer = await socket.emitWithAck(`join_${kind}`, { [`${kind}Id`]: id });
    seen.joined.push(answer.ok === true && answer.room === `${kind}:${id}`);
  }
  return socket;
}

// A client of /ws that says who it is in a message, and what it is told.
async function plain() {
  const { plain: here } = seen;
  const socket = new WebSocket(`ws://${address}/ws`);
  const say = (message) => socket.send(JSON.stringify(message));
  socket.on("error", fail);
  socket.on("message", (text) => {
    const { type, event, data } = JSON.parse(text);
    if (type === "terminal") { here.output += data; return; }
    if (event === "connected") { say({ type: "authenticate", token: approver }); }
    if (event === "state_change") { here.states.push(data.newState); return; }
    if (event === "completed") { here.end = data.finalState; }
    if (event !== "output") { here.said.push(event ?? text.toString()); }
  });
  await until("the plain client to be let in", () => here.said.includes("authenticated"));
  return { socket, say };
}

async function main() {
  const villager = await inRooms("village", { token }, [["village", village]]);
  const companion = await inRooms("agent", { token }, [["agent", agent]]);
  // Whoever looks at it in a browser, and may answer.
  const person = await inRooms("both", { token: approver }, [["village", village], ["agent", agent]]);
  const asked = new Promise((resolve) => { person.on("interaction_requested", resolve); });
  const resolved = new Promise((resolve) => { villager.on("interaction_resolved", resolve); });
  const follower = await plain();

  const { id } = await post("/api/runner/sessions", { provider: "script", workspace, agent_id: agent, village_id: village });
  follower.say({ type: "subscribe", sessionId: id, since: 0 });
  const question = await asked;
  seen.question = question.text;
  await until("it to have asked", () => Object.values(seen.rooms).every((one) => one.output.includes("asked")));
  const waits = await ask("GET", `/api/runner/sessions/${id}`);
  seen.while_it_waits = waits.body.state;
  const answer = { interactionId: question.interaction_id, decision, answer: REASON };
  const first = await person.emitWithAck("resolve_interaction", answer);
  // Again, over another door.
  const [approval] = waits.body.approvals;
  const again = await post(`/api/runner/sessions/${id}/approvals/${approval.id}`, { decision: "reject" });
  seen.answers = [first.first, again.first, again.interaction.decision];
  seen.told_how = (await resolved).decision;
  if (decision === "approve") {
    await until("it to go on", () => seen.rooms.both.states.at(-1) === "RUNNING");
    follower.say({ type: "terminal", action: "input", sessionId: id, data: "on it goes\r" });
  }
  const all = Object.values(seen.rooms);
  await until("its end", () => all.every((one) => one.end && one.other.includes("agent_disconnect")) && seen.plain.end);
  const { body } = await ask("GET", `/api/runner/sessions/${id}`);
  [seen.state, seen.reason] = [body.state, body.reason];
  for (const socket of [villager, companion, person]) { socket.close(); }
  follower.socket.close();
  for (const one of all) { one.steps = [...new Set(one.steps)].sort(); }
  // In words that do not depend on where a chunk of output ends.
  const times = (text, part) => text.split(part).length - 1;
  for (const one of [...all, seen.plain]) {
    one.output = ["hello from", "asked", "got on it goes", "bye"].map((part) => times(one.output, part));
  }
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch(fail);
