// The npm client `socket.io-client`, as it is: refused without a token, joins rooms, sees a whole session of a runner
// once in overlapping rooms, resumes by a cursor, and follows hooks as a dashboard does.
const { io } = require("socket.io-client");
const { URL: url, TOKEN: token, TRANSPORTS: transports } = process.env;
const version = "socket.io-client " + require("socket.io-client/package.json").version;
const seen = { version, refused: "", joined: [], not_joined: "", told: [], cursors_in_order: true, transport: "",
  resumed: [], welcome: false, status: "", history: 0, claude_event: "" };
const session = `s-${transports}`, agent = `a-${transports}`, village = `v-${transports}`;

const fail = (error) => { console.error(error); process.exit(1); };
setTimeout(() => fail("it took too long: " + JSON.stringify(seen)), 45_000);

const open = (auth) => {
  const options = { auth: { token, ...auth }, forceNew: true, reconnection: false };
  if (transports !== "default") { options.transports = [transports]; }
  return io(url, options);
};
const once = (socket, name) => new Promise((resolve) => { socket.once(name, (...told) => resolve(told)); });
const until = async (done) => { while (!done()) { await new Promise((resolve) => { setTimeout(resolve, 20); }); } };
const record = async (events) => {
  const body = events.map((event) => JSON.stringify(event)).join("\n");
  const answer = await fetch(`${url}/api/events`, { method: "POST", body, headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) { fail(await answer.text()); }
};

let number = 0;
const runner = (type, fields) => ({ type, sessionId: session, agentId: agent, ts: new Date().toISOString(), seq: (number += 1), ...fields });
const whole = [
  runner("SESSION_STARTED", { villageId: village, providerId: "shell", providerVersion: "1", workspacePath: "/w", roomPath: "/" }),
  runner("SESSION_STATE_CHANGED", { previousState: "CREATED", newState: "RUNNING", reason: "started" }),
  runner("TERMINAL_CHUNK", { data: "hello\n", stream: "stdout" }),
  ...["read", "write", "delete"].map((reason) => runner("FILE_TOUCHED", { path: "/w/a", roomPath: "/", reason })),
  runner("DIFF_SUMMARY", { filesChanged: 1, linesAdded: 2, linesRemoved: 3, files: ["a"] }),
  runner("TEST_RUN_STARTED", { command: "make test", testFiles: [] }),
  runner("TEST_RUN_FINISHED", { exitCode: 0, passed: 1, failed: 0, skipped: 0, duration: 5 }),
  runner("APPROVAL_REQUESTED", { approval: { approvalId: "p1" } }),
  runner("APPROVAL_RESOLVED", { approvalId: "p1", decision: "approve", resolvedBy: "ada" }),
  runner("ALERT_RAISED", { alertId: "x", severity: "high", category: "policy", title: "t", description: "d", context: {} }),
  runner("USAGE_TICK", { providerId: "shell", units: 1, intervalMs: 30000 }),
  runner("SESSION_ENDED", { finalState: "COMPLETED", exitCode: 0, totalDurationMs: 5, totalUsage: {} }),
];

async function main() {
  const stranger = open({ token: "guessed" });
  const [error] = await once(stranger, "connect_error");
  seen.refused = error.message.split(":")[0];
  stranger.close();

  const socket = open({ hooks: false });
  socket.on("connect_error", fail);
  await once(socket, "connect");
  seen.joined.push(await socket.emitWithAck("join_village", { villageId: village }));
  seen.joined.push(await socket.emitWithAck("join_agent", { agentId: agent }));
  const told = once(socket, "ws_error");
  await socket.emitWithAck("join_repo", {});
  seen.not_joined = (await told)[0].error.code;
  let cursor = "", last = 0, ended = 0;
  socket.onAny((name, payload, at) => {
    if (!at) { return; }
    const seq = Number(at.split(".")[1]);
    seen.cursors_in_order = seen.cursors_in_order && seq > last;
    [last, cursor] = [seq, at];
    seen.told.push(name === "work_stream_event" ? payload.type : name);
    ended += ["session_end", "agent_disconnect", "alert_raised"].includes(payload.type ?? name) ? 1 : 0;
  });
  await record(whole);
  // What the host makes of them comes in its own order; these are the last of each kind.
  await until(() => ended >= 3);
  seen.told.sort();
  seen.transport = socket.io.engine.transport.name;
  socket.close();

  await record([runner("TERMINAL_CHUNK", { data: "missed", stream: "stdout" })]);
  const again = open({ hooks: false, cursor, rooms: [`village:${village}`, `agent:${agent}`] });
  again.on("work_stream_event", (payload) => { seen.resumed.push(payload.payload.data); });
  await once(again, "connect");
  await until(() => seen.resumed.length >= 1);
  await record([runner("TERMINAL_CHUNK", { data: "live", stream: "stdout" })]);
  await until(() => seen.resumed.length >= 2);
  again.close();

  await record([{ type: "hook.stop", payload: { n: 1 } }]);
  const board = open({});
  board.on("welcome", (welcome) => { seen.welcome = typeof welcome.cursor === "string"; });
  board.on("status", (status) => { seen.status = status.status; });
  const [history] = await once(board, "history");
  seen.history = history.events.filter((event) => event.subtype === "stop").length > 0 ? 1 : 0;
  const happened = once(board, "claude_event");
  await record([{ type: "hook.pre_tool", payload: { n: 2 } }]);
  const [event] = await happened;
  seen.claude_event = `${event.event} ${event.type} ${event.subtype} ${event.data.n}`;
  board.close();
  console.log(JSON.stringify(seen));
  process.exit(0);
}

main().catch(fail);
