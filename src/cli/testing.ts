import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Recording } from "../profile/index.ts";
import { cinch } from "./cinch.ts";
import { Interrupt } from "./context.ts";

/** A command line run in this process, in a folder of its own. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export class Place implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "cinch-cli-"));

  async run(argv: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    let stdout = "";
    let stderr = "";
    const code = await cinch(argv, {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      env,
      cwd: this.folder,
      interrupt: new Interrupt(),
    });
    return { code, stdout, stderr };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A JSON document, checked against the schema that is published for its kind. */
export function published(text: string): Record<string, unknown> {
  const document = JSON.parse(text) as Record<string, unknown> & { $schema: string; kind: string };
  const name = document.$schema.slice(document.$schema.lastIndexOf("/") + 1);
  const schema: unknown = JSON.parse(readFileSync(new URL(`../../schemas/${name}`, import.meta.url), "utf8"));
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(document);
  return document;
}

export function sampleRecording(more: Partial<Recording> = {}): Recording {
  return {
    schemaVersion: 1,
    kind: "recording",
    target: "docker:app",
    arch: "x86_64",
    kernel: "6.18.0",
    startedAt: "2026-11-25T10:00:00.000Z",
    seconds: 2,
    complete: true,
    lost: { strings: 0 },
    method: "ebpf",
    runtimes: ["runc 1.1.5"],
    noNewPrivileges: false,
    phases: [
      {
        name: "app",
        abi: "native",
        syscalls: [
          { name: "read", nr: 0, errnos: [] },
          { name: "openat", nr: 257, errnos: ["ENOENT"] },
          { name: "chown", nr: 92, errnos: [] },
        ],
      },
    ],
    capabilities: [{ name: "CAP_CHOWN", granted: true, syscalls: ["chown"] }],
    files: [
      { path: "/etc/app.conf", access: ["read"], ok: true, type: "file" },
      { path: "/var/lib/app/db", access: ["write"], ok: true, type: "file" },
    ],
    executables: ["/usr/bin/app"],
    sockets: [],
    notes: [],
    ...more,
  };
}
