import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { NotSupportedError, messageOf } from "../base/index.ts";
import { openEngine } from "../image/index.ts";
import type { Feature } from "../kernel/index.ts";

const WAIT_MS = 5000;

/** The engines of this machine: whether they are there, and whether they answer. Starts none of them. */
export async function engineFeatures(): Promise<Feature[]> {
  return Promise.all([docker(), tool("podman"), tool("runc"), tool("crun")]);
}

async function docker(): Promise<Feature> {
  try {
    await using engine = await openEngine("docker");
    const { Version, ApiVersion } = engine.client.version;
    return { name: "docker", outcome: "yes", detail: `${Version}, API ${ApiVersion}`, needs: "" };
  } catch (error) {
    const hint = error instanceof NotSupportedError ? error.hint : undefined;
    return {
      name: "docker",
      outcome: error instanceof NotSupportedError ? "no" : "unknown",
      detail: messageOf(error),
      needs: hint ?? "a Docker daemon on this machine: systemctl start docker",
    };
  }
}

/** What is started anew for each container is asked for its version. */
async function tool(name: string): Promise<Feature> {
  try {
    const { stdout } = await promisify(execFile)(name, ["--version"], { timeout: WAIT_MS });
    return { name, outcome: "yes", detail: stdout.split("\n")[0]!.trim(), needs: "" };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return {
      name,
      outcome: missing ? "no" : "unknown",
      detail: missing ? "not installed" : messageOf(error),
      needs: missing ? `on Debian: apt-get install ${name}` : `${name} --version to work`,
    };
  }
}
