// A guestbook: a small real web application, in Node alone, to try cinch on. It keeps its entries in a file, a line each.
//
//   PORT=8080 DATA=./data node server.js
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const port = Number(process.env.PORT ?? 8080);
const folder = process.env.DATA ?? fileURLToPath(new URL("data", import.meta.url));
const book = join(folder, "entries.jsonl");
const MAX_FORM_BYTES = 4096;

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

async function readEntries() {
  try {
    const lines = (await readFile(book, "utf8")).split("\n");
    return lines.filter(Boolean).map((line) => JSON.parse(line));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

function page(entries) {
  const items = entries
    .reverse()
    .map(
      ({ name, text, at }) =>
        `<li><b>${escape(name)}</b> <time datetime="${escape(at)}">${escape(at.slice(0, 10))}</time><p>${escape(text)}</p></li>`,
    );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Guestbook</title>
<h1>Guestbook</h1>
<form method="post" action="/entries">
  <label>Name <input name="name" required></label>
  <label>Text <textarea name="text" required></textarea></label>
  <button>Sign</button>
</form>
<ul>
${items.join("\n")}
</ul>
</html>
`;
}

async function readForm(request) {
  const chunks = [];
  let size = 0;
  // The connection is kept until the answer is out, also when the rest of the form is not wanted.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > MAX_FORM_BYTES) throw new Refusal(413, `at most ${MAX_FORM_BYTES} bytes, please`);
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, "http://guestbook");
  switch (`${request.method} ${pathname}`) {
    case "GET /health":
      response.end("ok\n");
      return;
    case "GET /":
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(page(await readEntries()));
      return;
    case "POST /entries": {
      const form = await readForm(request);
      const [name, text] = [form.get("name")?.trim(), form.get("text")?.trim()];
      if (!name || !text) throw new Refusal(400, "name and text, please");
      await appendFile(book, `${JSON.stringify({ name, text, at: new Date().toISOString() })}\n`);
      response.writeHead(303, { location: "/" }).end();
      return;
    }
    default:
      throw new Refusal(404, "no such page");
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (!(error instanceof Refusal)) console.error(error);
    response.writeHead(error.status ?? 500, { connection: "close" });
    response.end(error instanceof Refusal ? `${error.message}\n` : "something went wrong\n");
  });
});

server.on("error", (error) => {
  console.error(
    error.code === "EADDRINUSE"
      ? `guestbook: port ${port} is taken; another one: PORT=8081 node server.js`
      : `guestbook: ${error.message}`,
  );
  process.exit(1);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}

await mkdir(folder, { recursive: true });
server.listen(port, "127.0.0.1", () => {
  console.log(`guestbook: http://127.0.0.1:${server.address().port}/`);
});
