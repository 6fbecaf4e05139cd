// node's own HTTP/2 server with the few paths that need no application. See servers.py.
const http2 = require("node:http2");
const fs = require("node:fs");

const [port, key, cert] = process.argv.slice(2);
const big = Buffer.from(Array.from({ length: 131072 }, (_, n) => String(n).padStart(7, "0") + "\n").join(""));
const server = key
  ? http2.createSecureServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) })
  : http2.createServer();

server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const path = headers[":path"];
  if (path === "/wait") return;
  if (path === "/echo") {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      if (stream.destroyed) return;
      stream.respond({ ":status": 200 });
      stream.end(Buffer.concat(parts));
    });
    return;
  }
  if (stream.destroyed) return;
  stream.respond({ ":status": 200 });
  stream.end(path === "/big" ? big : "Hello, stream!");
});
server.on("sessionError", () => {});
// A session that a test has ended may still throw from a callback.
process.on("uncaughtException", () => {});
server.listen(Number(port), "127.0.0.1");
