// What an application asks of Redis: values of each type, transactions, scripts, publishing, and both ways of saving.
//
//   node exercise.js 127.0.0.1 6379
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const [host = "127.0.0.1", port = "6379"] = process.argv.slice(2);
if (host === "" || port === "") throw new Error("usage: node exercise.js HOST PORT");

/** A connection that speaks RESP, as far as this exercise needs it. */
class Client {
  #socket = connect(Number(port), host);
  #buffer = "";
  #waiting = [];

  constructor() {
    this.#socket.setEncoding("latin1");
    this.#socket.on("error", (error) => this.#waiting.splice(0).forEach(({ reject }) => reject(error)));
    this.#socket.on("data", (chunk) => {
      this.#buffer += chunk;
      for (let reply = parse(this.#buffer, 0); reply !== undefined; reply = parse(this.#buffer, 0)) {
        this.#buffer = this.#buffer.slice(reply.end);
        const { resolve, reject } = this.#waiting.shift();
        if (reply.value instanceof Error) reject(reply.value);
        else resolve(reply.value);
      }
    });
  }

  /** The next reply: of a command, or a message to a subscriber. */
  reply() {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  call(...words) {
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join("")}`);
    return this.reply();
  }

  async close() {
    this.#socket.end();
    await once(this.#socket, "close");
  }
}

/** { value, end } of the reply at `start`; undefined while it is incomplete. */
function parse(text, start) {
  const line = text.indexOf("\r\n", start);
  if (line === -1) return undefined;
  const head = text.slice(start + 1, line);
  switch (text[start]) {
    case "+":
      return { value: head, end: line + 2 };
    case "-":
      return { value: new Error(head), end: line + 2 };
    case ":":
      return { value: Number(head), end: line + 2 };
    case "$": {
      if (head === "-1") return { value: null, end: line + 2 };
      const end = line + 2 + Number(head) + 2;
      return text.length < end ? undefined : { value: text.slice(line + 2, end - 2), end };
    }
    default: {
      const value = [];
      let end = line + 2;
      for (let i = 0; i < Number(head); i += 1) {
        const item = parse(text, end);
        if (item === undefined) return undefined;
        value.push(item.value);
        end = item.end;
      }
      return { value, end };
    }
  }
}

const redis = new Client();
assert.equal(await redis.call("PING"), "PONG");
assert.equal(await redis.call("SET", "greeting", "hello"), "OK");
assert.equal(await redis.call("GET", "greeting"), "hello");
assert.equal(await redis.call("GETRANGE", "greeting", 0, 1), "he");
await redis.call("DEL", "counter", "list", "hash", "set", "scores");
for (let i = 0; i < 100; i += 1) await redis.call("INCR", "counter");
assert.equal(await redis.call("GET", "counter"), "100");
assert.equal(await redis.call("RPUSH", "list", "a", "b", "c"), 3);
assert.deepEqual(await redis.call("LRANGE", "list", 0, -1), ["a", "b", "c"]);
assert.equal(await redis.call("HSET", "hash", "field", "value"), 1);
assert.equal(await redis.call("SADD", "set", "x", "y"), 2);
assert.equal(await redis.call("ZADD", "scores", 1, "one", 2, "two"), 2);
await redis.call("SET", "large", "x".repeat(2 ** 20));
assert.equal((await redis.call("GET", "large")).length, 2 ** 20);

await redis.call("SET", "brief", "x", "PX", 20);
await sleep(60);
assert.equal(await redis.call("GET", "brief"), null);

assert.equal(await redis.call("MULTI"), "OK");
await redis.call("INCR", "counter");
assert.deepEqual(await redis.call("EXEC"), [101]);
assert.equal(await redis.call("EVAL", "return redis.call('GET', KEYS[1])", 1, "counter"), "101");

const subscriber = new Client();
await subscriber.call("SUBSCRIBE", "news");
const news = subscriber.reply();
assert.equal(await redis.call("PUBLISH", "news", "extra"), 1);
assert.deepEqual(await news, ["message", "news", "extra"]);
await subscriber.close();

await assert.rejects(redis.call("LPUSH", "greeting", "x"), /WRONGTYPE/);
assert.match(await redis.call("INFO"), /redis_version/);
assert.equal((await redis.call("CONFIG", "GET", "maxmemory")).length, 2);

// A command that happens to be slow is logged with its client's address; here, every one is.
const [, slow] = await redis.call("CONFIG", "GET", "slowlog-log-slower-than");
await redis.call("CONFIG", "SET", "slowlog-log-slower-than", 0);
await redis.call("PING");
assert.ok((await redis.call("SLOWLOG", "GET", 1)).length > 0);
await redis.call("CONFIG", "SET", "slowlog-log-slower-than", slow);
assert.match(await redis.call("CLIENT", "LIST"), /addr=/);

// Both ways of saving fork a child that writes and renames a file.
const idle = async () => {
  for (let i = 0; i < 200; i += 1) {
    const info = await redis.call("INFO", "persistence");
    if (/rdb_bgsave_in_progress:0/.test(info) && /aof_rewrite_in_progress:0/.test(info)) return info;
    await sleep(50);
  }
  throw new Error("saving does not end");
};
await idle();
await redis.call("BGSAVE");
assert.match(await idle(), /rdb_last_bgsave_status:ok/);
await redis.call("BGREWRITEAOF");
assert.match(await idle(), /aof_last_bgrewrite_status:ok/);
assert.equal(await redis.call("SAVE"), "OK");

// Many connections at once.
const clients = Array.from({ length: 50 }, () => new Client());
await Promise.all(clients.map((client, i) => client.call("SET", `client:${i}`, i)));
await Promise.all(clients.map((client) => client.close()));
await redis.close();
