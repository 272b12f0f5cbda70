import { type Profile, summarize } from "../../profile/index.ts";
import { dockerDefaultCapabilities } from "../../linux/index.ts";
import type { Paint } from "../paint.ts";
import { list } from "../text.ts";

/** What a profile grants, in the few lines that matter. */
export function profileText(profile: Profile, paint: Paint): string {
  const { filesystem, network } = profile;
  const summary = summarize(profile);
  const limited = profile.syscalls.allow.filter((call) => typeof call !== "string").length;
  const sockets = network.sockets.map(({ domain, type }) => `${domain} ${type}`);
  const outside = summary.outsideDefault;
  const lines = [
    paint.strong(profile.name),
    row("system calls", [
      `${summary.syscalls}, where Docker's default allows ${summary.defaultSyscalls}`,
      ...(outside.length === 0 ? [] : [`${list(outside, 6)} not among those`]),
      ...(limited === 0 ? [] : [`${limited} only with certain arguments`]),
    ]),
    row("capabilities", [
      list(summary.capabilities, 20),
      `Docker grants ${dockerDefaultCapabilities.length}`,
    ]),
    row("files", [
      `root ${filesystem.root}`,
      `${filesystem.read.length} read, ${filesystem.write.length} written, ${filesystem.execute.length} executed`,
      ...(filesystem.tmpfs.length === 0 ? [] : [`empty at each start: ${list(filesystem.tmpfs, 4)}`]),
    ]),
    row("network", [
      list(sockets, 6),
      ...(network.listen.length === 0 ? [] : [`listens on ${list(network.listen, 4)}`]),
      ...(network.connect.length === 0 ? [] : [`connects to ${list(network.connect, 4)}`]),
    ]),
    row("privileges", [
      profile.noNewPrivileges ? "no new ones can be gained" : "set-user-ID programs may gain new ones",
    ]),
    ...(profile.incomplete ?? []).map((reason) => row("incomplete", [reason])),
  ];
  return lines.join("\n");
}

function row(name: string, parts: readonly string[]): string {
  return `  ${name.padEnd(13)} ${parts.join("; ")}`;
}
