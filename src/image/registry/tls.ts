import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { CinchError, readBounded } from "../../base/index.ts";

/** Certificates for one registry. */
export interface TlsSettings {
  /** Which authorities are trusted: the usual ones and the registry's own. Without: the usual ones. */
  ca?: string[];
  cert?: string;
  key?: string;
}

/** A bundle of all authorities there are has some 200 KiB. */
const MAX_BYTES = 4 << 20;

/**
 * The certificates that container tools keep for a registry (containers-certs.d(5), dockerd "certs.d"): `*.crt` are
 * authorities, `NAME.cert` with `NAME.key` is what we show. The user's folder comes before the machine's.
 */
export function tlsSettings(host: string, env: NodeJS.ProcessEnv = process.env, etc = "/etc"): TlsSettings {
  const own = env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? homedir(), ".config");
  for (const base of [
    join(own, "containers/certs.d"),
    join(etc, "containers/certs.d"),
    join(etc, "docker/certs.d"),
  ]) {
    const folder = join(base, host);
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder).sort();
    const authorities = names.filter((name) => name.endsWith(".crt"));
    const cert = names.find((name) => name.endsWith(".cert"));
    const key = cert?.replace(/cert$/, "key");
    if (key !== undefined && !names.includes(key))
      throw new CinchError("bad-registries", `${folder} has ${cert}, but not ${key}`);
    const text = (name: string): string => readBounded(join(folder, name), MAX_BYTES).toString("utf8");
    return {
      ...(authorities.length > 0 && { ca: [...rootCertificates, ...authorities.map(text)] }),
      ...(cert !== undefined && { cert: text(cert), key: text(key!) }),
    };
  }
  return {};
}
