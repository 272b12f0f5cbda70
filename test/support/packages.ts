import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

// Services of the packages are not started: policy-rc.d forbids it while they are installed. Package lists go stale, and
// then name files that mirrors no longer have: they are renewed when an installation fails.
const INSTALL = `
set -e
export DEBIAN_FRONTEND=noninteractive
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
  printf '#!/bin/sh\\nexit 101\\n' > "$guard"; chmod 755 "$guard"
  trap 'rm -f "$guard"' EXIT
fi
apt="apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
$apt install --no-install-recommends "$@" || { $apt update; $apt install --no-install-recommends "$@"; }`;

/**
 * Installs Debian packages that tests run (as root, once a machine), unless `proof` (a path that one of them brings) is
 * there already. Says on standard error what it installs and why. Throws where that is not possible.
 */
export function ensurePackages(packages: string[], proof: string): void {
  if (existsSync(proof)) return;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get"))
    throw new Error(`${proof} is missing; on Debian: apt-get install ${packages.join(" ")}`);
  process.stderr.write(`installing ${packages.join(" ")}: the tests run ${proof}\n`);
  try {
    execFileSync("sh", ["-c", INSTALL, "sh", ...packages], { stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer };
    throw new Error(
      `apt-get install ${packages.join(" ")} failed:\n${stdout?.toString().slice(-1000)}${stderr?.toString().slice(-1000)}`,
      {
        cause: error,
      },
    );
  }
}
