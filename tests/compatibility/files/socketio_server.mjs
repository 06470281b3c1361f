// Rooms, acknowledgements and bytes: node socketio_server.mjs PORT FOLDER-OF-NODE-MODULES
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [port, modules] = process.argv.slice(2);
const { Server } = createRequire(modules + "/")("socket.io");

const web = createServer((request, response) => {
	response.setHeader("Content-Type", "text/html");
	response.end('<!doctype html><title>socket.io</title><script src="/socket.io/socket.io.js"></script>');
});
const io = new Server(web);

io.on("connection", (socket) => {
	socket.on("join", (room, done) => {
		socket.join(room);
		done();
	});
	socket.on("say", (room, text, done) => {
		io.to(room).emit("said", text);
		done();
	});
	socket.on("bytes", (bytes, done) => done(bytes));
});
web.listen(Number(port), "127.0.0.1");
