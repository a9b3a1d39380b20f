// The peer: a Socket.IO server that sends what is posted to everybody in a room. Ends with its standard input.
const http = require("node:http");
const { Server } = require("socket.io");
const { say, told } = require("./common.cjs");

const ROOM = "watchers";
// As much as a Tollgate takes in at once.
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const server = http.createServer((request, response) => {
  const parts = [];
  let bytes = 0;
  request.on("data", (part) => {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) { request.destroy(); } else { parts.push(part); }
  });
  request.on("end", () => {
    const events = JSON.parse(Buffer.concat(parts).toString());
    for (const event of events) { io.to(ROOM).emit("event", event); }
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ events: events.length }));
  });
});
const io = new Server(server, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => { socket.join(ROOM); });
server.listen(0, "127.0.0.1", () => {
  const versions = { "socket.io": require("socket.io/package.json").version, node: process.versions.node };
  say({ address: `127.0.0.1:${server.address().port}`, versions });
});
told();
