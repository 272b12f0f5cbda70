// What browsers ask of a web server: pages, parts of pages, pages they have already, and pages that are not there.
//
//   node exercise.js http://127.0.0.1:8080
import assert from "node:assert/strict";

const base = process.argv[2] ?? "http://127.0.0.1:80";

async function ask(path, init) {
  const response = await fetch(base + path, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const page = await ask("/");
assert.equal(page.status, 200);
assert.match(page.text, /nginx/i);
assert.equal((await ask("/", { method: "HEAD" })).text, "");
assert.equal((await ask("/", { headers: { range: "bytes=0-9" } })).status, 206);
const seen = page.headers.get("last-modified");
assert.equal((await ask("/", { headers: { "if-modified-since": seen } })).status, 304);
assert.equal((await ask("/nothing")).status, 404);
assert.equal((await ask("/", { method: "POST", body: "x".repeat(500_000) })).status, 405);
const many = await Promise.all(Array.from({ length: 100 }, () => ask("/")));
assert.ok(many.every(({ status }) => status === 200));
