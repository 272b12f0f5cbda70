// A site's life: it is installed (the first time), its author logs in, writes a post and uploads a picture; visitors read,
// search and comment.
//
//   node exercise.js http://127.0.0.1:8088
import assert from "node:assert/strict";
import zlib from "node:zlib";

const base = process.argv[2] ?? "http://127.0.0.1:8088";
const password = "a long password for an example";
const cookies = new Map([["wordpress_test_cookie", "WP Cookie check"]]);

async function ask(path, { form, headers = {}, ...rest } = {}) {
  const response = await fetch(base + path, {
    redirect: "manual",
    headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "), ...headers },
    ...(form && { method: "POST", body: new URLSearchParams(form) }),
    ...rest,
  });
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    cookies.set(name, value);
  }
  return { status: response.status, text: await response.text() };
}

const start = await ask("/wp-admin/install.php");
assert.equal(start.status, 200, start.text);
if (!start.text.includes("already installed")) {
  const installed = await ask("/wp-admin/install.php?step=2", {
    form: {
      weblog_title: "An example",
      user_name: "author",
      admin_password: password,
      admin_password2: password,
      pw_weak: "on",
      admin_email: "author@example.com",
      blog_public: "0",
      language: "",
    },
  });
  assert.match(installed.text, /WordPress has been installed/);
}

const wrong = await ask("/wp-login.php", { form: { log: "author", pwd: "wrong", testcookie: "1" } });
assert.match(wrong.text, /login_error/);
const login = await ask("/wp-login.php", { form: { log: "author", pwd: password, testcookie: "1" } });
assert.equal(login.status, 302, "the author could not log in");
for (const page of [
  "/wp-admin/",
  "/wp-admin/plugins.php",
  "/wp-admin/site-health.php",
  "/wp-admin/options-general.php",
])
  assert.equal((await ask(page)).status, 200, page);

const nonce = (await ask("/wp-admin/admin-ajax.php?action=rest-nonce")).text;
const rest = async (route, init) => {
  const answer = await ask(`/index.php?rest_route=/wp/v2/${route}`, {
    method: "POST",
    ...init,
    headers: { "x-wp-nonce": nonce, ...init.headers },
  });
  assert.equal(answer.status, 201, answer.text.slice(0, 500));
  return JSON.parse(answer.text);
};

// A picture of one colour, large enough that WordPress makes smaller ones of it.
const picture = png(800, 600);
const media = await rest("media", {
  headers: { "content-type": "image/png", "content-disposition": 'attachment; filename="picture.png"' },
  body: picture,
});
assert.ok(media.media_details.sizes.thumbnail, "no thumbnail was made");
assert.equal((await fetch(media.media_details.sizes.thumbnail.source_url)).status, 200);

const word = `word${Date.now()}`;
const post = await rest("posts", {
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    title: "Hello",
    content: `<p>${word}</p>`,
    status: "publish",
    featured_media: media.id,
  }),
});
cookies.clear();
for (const page of [
  post.link,
  `${base}/?p=${post.id}`,
  `${base}/?s=${word}`,
  `${base}/?feed=rss2`,
  `${base}/`,
])
  assert.ok((await (await fetch(page)).text()).includes(word), `${page} does not show the post`);
const comment = await ask("/wp-comments-post.php", {
  form: {
    comment_post_ID: post.id,
    author: "Ada",
    email: "ada@example.com",
    comment: `Well said: ${word}`,
    comment_parent: "0",
  },
});
// 429: the last visitor's comment was less than 15 seconds ago, which WordPress takes for a flood.
assert.ok([302, 429].includes(comment.status), comment.text);
assert.equal((await ask("/wp-content/nothing.png")).status, 404);

function png(width, height) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length);
    frame.writeUInt32BE(checksum(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc((1 + width * 3) * height, 0x80);
  for (let y = 0; y < height; y += 1) rows[y * (1 + width * 3)] = 0;
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", zlib.deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** CRC-32, which zlib offers from Node 22 on. */
function checksum(bytes) {
  if (zlib.crc32 !== undefined) return zlib.crc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
