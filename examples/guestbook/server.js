// A guestbook: a small real web application, in Node alone, to try cinch on. It keeps its entries in a file, a line each.
//
//   PORT=8080 DATA=./data node server.js
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const port = Number(process.env.PORT ?? 8080);
const folder = process.env.DATA ?? join(import.meta.dirname ?? ".", "data");
const book = join(folder, "entries.jsonl");
const MAX_ENTRY = 2_000;

await mkdir(folder, { recursive: true });

const escape = (text) =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

async function entries() {
  try {
    const lines = (await readFile(book, "utf8")).trimEnd().split("\n");
    return lines.filter(Boolean).map((line) => JSON.parse(line));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

function page(list) {
  const items = list
    .slice()
    .reverse()
    .map(({ name, text, at }) => `<li><b>${escape(name)}</b> <time>${escape(at)}</time><p>${escape(text)}</p></li>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Guestbook</title>
<h1>Guestbook</h1>
<form method="post" action="/entries"><input name="name" aria-label="Name" required>
<textarea name="text" aria-label="Text" required></textarea><button>Sign</button></form>
<ul>${items.join("\n")}</ul></html>`;
}

async function body(request) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MAX_ENTRY) throw Object.assign(new Error("too long"), { status: 413 });
  }
  return new URLSearchParams(text);
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, "http://guestbook");
  if (request.method === "GET" && pathname === "/health") return response.end("ok\n");
  if (request.method === "GET" && pathname === "/") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    return response.end(page(await entries()));
  }
  if (request.method === "POST" && pathname === "/entries") {
    const form = await body(request);
    const entry = { name: form.get("name") ?? "", text: form.get("text") ?? "", at: new Date().toISOString() };
    if (entry.name === "" || entry.text === "") throw Object.assign(new Error("name and text, please"), { status: 400 });
    await appendFile(book, `${JSON.stringify(entry)}\n`);
    response.writeHead(303, { location: "/" });
    return response.end();
  }
  throw Object.assign(new Error("no such page"), { status: 404 });
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    response.statusCode = error.status ?? 500;
    response.end(`${error.message}\n`);
  });
});
server.on("error", (error) => {
  console.error(`guestbook: ${error.message}; another port: PORT=8081 node server.js`);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`guestbook: http://127.0.0.1:${port}/`));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
