import { expect, test } from "vitest";
import { parseReady, parseSignal, workloadOf } from "./parse.ts";

test("the four ways to be ready", () => {
  expect(parseReady("tcp:6379")).toEqual({ kind: "tcp", port: 6379 });
  expect(parseReady("http://127.0.0.1:8080/health")).toEqual({
    kind: "http",
    url: "http://127.0.0.1:8080/health",
  });
  expect(parseReady("http:http://localhost/")).toEqual({ kind: "http", url: "http://localhost/" });
  expect(parseReady("https://localhost/x")).toEqual({ kind: "http", url: "https://localhost/x" });
  expect(parseReady("log:ready: (to|for) accept")).toEqual({
    kind: "log",
    pattern: /ready: (to|for) accept/,
  });
  expect(parseReady("exec:pg_isready -q")).toEqual({
    kind: "exec",
    argv: ["/bin/sh", "-c", "pg_isready -q"],
  });
});

test.each([
  "tcp:",
  "tcp:0",
  "tcp:65536",
  "tcp:http",
  "http:",
  "http:nowhere",
  "log:",
  "log:(",
  "exec: ",
  "6379",
  "",
  "udp:53",
])("'%s' is refused, with the forms there are", (text) => {
  expect(() => parseReady(text)).toThrowError(
    expect.objectContaining({
      code: "bad-ready",
      hint: "tcp:PORT, http:URL, log:REGEX or exec:COMMAND",
    }) as Error,
  );
});

test("the file's steps come first, the command line's other members count more", () => {
  const workload = workloadOf(
    {
      ready: "tcp:80",
      timeout: "5s",
      steps: [
        { http: { get: "http://a/", expect: 204 } },
        {
          http: { post: "http://a/", body: "x", headers: { A: "b" }, expect: [200, 302], contains: "ok" },
          name: "sends",
        },
        { run: "true", timeout: 3 },
        { exec: ["nginx", "-s", "reload"] },
        { exec: "kill -HUP 1" },
        { sleep: "100ms" },
      ],
      stop: "QUIT",
      exit: 3,
    },
    { ready: "log:up", exercise: ["curl x"], exec: ["ls /"], duration: 2000, stop: "SIGINT" },
    { folder: "/project" },
  );
  expect(workload).toEqual({
    ready: { kind: "log", pattern: /up/ },
    timeout: 5000,
    steps: [
      { kind: "http", name: "GET http://a/", call: { method: "GET", url: "http://a/", expect: [204] } },
      {
        kind: "http",
        name: "sends",
        call: {
          method: "POST",
          url: "http://a/",
          body: "x",
          headers: { A: "b" },
          expect: [200, 302],
          contains: "ok",
        },
      },
      { kind: "run", name: "true", command: "true", timeout: 3000 },
      { kind: "exec", name: "exec nginx -s reload", argv: ["nginx", "-s", "reload"] },
      { kind: "exec", name: "exec kill -HUP 1", argv: ["/bin/sh", "-c", "kill -HUP 1"] },
      { kind: "sleep", name: "sleep 100ms", ms: 100 },
      { kind: "run", name: "curl x", command: "curl x" },
      { kind: "exec", name: "exec ls /", argv: ["/bin/sh", "-c", "ls /"] },
    ],
    stop: "SIGINT",
    duration: 2000,
    exit: 3,
    cwd: "/project",
  });
  expect(workloadOf(undefined)).toEqual({ steps: [] });
});

test("signals by name, with and without SIG", () => {
  expect([parseSignal("TERM"), parseSignal("SIGRTMIN+3"), parseSignal("SIGUSR1")]).toEqual([
    "SIGTERM",
    "SIGRTMIN+3",
    "SIGUSR1",
  ]);
  for (const text of ["15", "term", "", "SIGTERM; rm"])
    expect(() => parseSignal(text)).toThrow("is not a signal's name");
});
