// Asks for an approval of the session that it is run in, as a runner's own record, over the socket that is named.
const http = require("node:http");
const id = process.env.TOLLGATE_SESSION;
const asked = { type: "APPROVAL_REQUESTED", sessionId: id, approval: { id: "publish", title: "may it be published?" } };
const path = `/api/runner/sessions/${id}/events`;
const request = http.request({ socketPath: process.argv[2], host: "localhost", method: "POST", path }, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request.end(JSON.stringify(asked));
