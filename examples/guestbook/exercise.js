// What a visitor does: reads, signs, reads again, and makes the mistakes that visitors make.
const base = process.argv[2] ?? "http://127.0.0.1:8080";

async function expect(status, path, init) {
  const response = await fetch(base + path, { redirect: "manual", ...init });
  const text = await response.text();
  if (response.status !== status) throw new Error(`${init?.method ?? "GET"} ${path}: ${response.status}, expected ${status}: ${text}`);
  return text;
}

const sign = (fields) => ({ method: "POST", body: new URLSearchParams(fields) });
const text = `hello <b>${Date.now()}</b>`;

await expect(200, "/");
await expect(303, "/entries", sign({ name: "Ada", text }));
const page = await expect(200, "/");
if (!page.includes(text.replaceAll("<", "&#60;").replaceAll(">", "&#62;"))) throw new Error("the entry is not on the page");
await expect(400, "/entries", sign({ name: "", text: "" }));
await expect(413, "/entries", sign({ name: "Ada", text: "x".repeat(5000) }));
await expect(404, "/nothing");
