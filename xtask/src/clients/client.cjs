// The npm client `ws`: connects, sees events, asks for a pong, resumes by a cursor, and is refused without a token.
const { WebSocket } = require("ws");
const { URL: url, TOKEN: token, EVENTS: wanted } = process.env;
const version = "ws " + require("ws/package.json").version;
const seen = { version, events: 0, in_order: true, types: [], pong: false, protocol_pong: false, resumed: 0, refused: 0 };
const headers = { Authorization: `Bearer ${token}` };
let last = 0;

const fail = (error) => { console.error(error); process.exit(1); };

function refused() {
  const socket = new WebSocket(url);
  socket.on("unexpected-response", (_request, response) => {
    seen.refused = response.statusCode;
    console.log(JSON.stringify(seen));
    process.exit(0);
  });
  socket.on("open", () => fail("let in without a token"));
  socket.on("error", () => {});
}

function resumed() {
  const socket = new WebSocket(`${url}&since=${last - 2}`, ["tollgate.v1", `tollgate.token.${token}`]);
  socket.on("error", fail);
  socket.on("message", (data) => {
    if (JSON.parse(data).seq === last) { seen.resumed += 1; socket.close(1000); }
  });
  socket.on("close", refused);
}

const socket = new WebSocket(url, { headers });
socket.on("error", fail);
socket.on("open", () => { socket.ping("there?"); socket.send("ping"); });
socket.on("pong", (data) => { seen.protocol_pong = data.toString() === "there?"; });
socket.on("message", (data) => {
  const message = JSON.parse(data);
  if (message.type === "pong") { seen.pong = true; console.log("connected"); return; }
  seen.events += 1;
  seen.in_order = seen.in_order && message.seq > last && message.payload.message === String(seen.events - 1);
  last = message.seq;
  if (!seen.types.includes(message.type)) { seen.types.push(message.type); }
  if (seen.events === Number(wanted)) { socket.close(1000); }
});
socket.on("close", resumed);
