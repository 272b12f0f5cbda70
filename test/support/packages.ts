import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/**
 * Installs Debian packages that tests run (as root, once a machine), unless `proof` (a path) is there already. Services
 * of the packages are not started: policy-rc.d forbids it while they are installed.
 */
export function ensurePackages(packages: string[], proof: string): void {
  if (existsSync(proof)) return;
  process.stderr.write(`installing ${packages.join(" ")} (for the tests: ${proof} is missing)\n`);
  const script = `
    set -e
    export DEBIAN_FRONTEND=noninteractive
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
      printf '#!/bin/sh\\nexit 101\\n' > "$guard"; chmod 755 "$guard"
      trap 'rm -f "$guard"' EXIT
    fi
    apt="apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
    $apt install --no-install-recommends "$@" || { $apt update; $apt install --no-install-recommends "$@"; }`;
  execFileSync("sh", ["-c", script, "sh", ...packages], { stdio: ["ignore", "ignore", "inherit"] });
}
