// What visitors do: read, sign, read again, and make the mistakes that visitors make.
//
//   node exercise.js http://127.0.0.1:8080
import assert from "node:assert/strict";

const base = process.argv[2] ?? "http://127.0.0.1:8080";

async function visit(path, form) {
  const response = await fetch(base + path, {
    redirect: "manual",
    ...(form && { method: "POST", body: new URLSearchParams(form) }),
  });
  return { status: response.status, text: await response.text() };
}

const text = `hello <b>${Date.now()}</b>`;
const shown = text.replaceAll("<", "&#60;").replaceAll(">", "&#62;");

assert.equal((await visit("/")).status, 200);
assert.equal((await visit("/entries", { name: "Ada", text })).status, 303);
assert.ok((await visit("/")).text.includes(shown), "the entry is not on the page");

assert.equal((await visit("/entries", { name: "Ada", text: "" })).status, 400);
assert.equal((await visit("/entries", { name: "Ada", text: "x".repeat(50_000) })).status, 413);
assert.equal((await visit("/nothing")).status, 404);

// Many at once: each entry is kept.
const names = Array.from({ length: 20 }, (_, i) => `visitor ${i} of ${Date.now()}`);
await Promise.all(names.map((name) => visit("/entries", { name, text: "me too" })));
const { text: page } = await visit("/");
for (const name of names) assert.ok(page.includes(name), `${name} is not on the page`);
