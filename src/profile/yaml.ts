import { type Scalar, type YAMLMap, type YAMLSeq, Document, isMap, isScalar, isSeq } from "yaml";
import type { Profile } from "./model.ts";

/** What a reader of a profile must know, above the member it is about. */
const COMMENTS: Partial<Record<keyof Profile, string>> = {
  incomplete: " What is known to be missing: read before you rely on this profile.",
  syscalls:
    " System calls; all others are refused. A call with args is allowed only where one of the lists holds.",
  capabilities: " Rights of root that are kept; all others are dropped.",
  filesystem: " Paths; a trailing slash stands for everything below. tmpfs: empty at each start.",
  network: " What is opened, listened on and connected to.",
  noNewPrivileges: " Executing a set-user-ID program gains nothing.",
};

/**
 * A profile as people keep it: YAML in a fixed order, short lists on one line, a comment above each part. The same
 * profile gives the same text; reading it back gives the same profile.
 */
export function stringifyProfile(profile: Profile): string {
  const ordered: Profile = {
    ...(profile.$schema !== undefined && { $schema: profile.$schema }),
    schemaVersion: profile.schemaVersion,
    kind: profile.kind,
    name: profile.name,
    target: profile.target,
    arch: profile.arch,
    ...(profile.incomplete !== undefined && { incomplete: profile.incomplete }),
    syscalls: profile.syscalls,
    capabilities: profile.capabilities,
    filesystem: profile.filesystem,
    network: profile.network,
    user: profile.user,
    noNewPrivileges: profile.noNewPrivileges,
    isolation: profile.isolation,
  };
  const document = new Document(ordered, { aliasDuplicateObjects: false });
  document.commentBefore =
    " A security profile made by cinch. To see why a grant is there: cinch explain THIS-FILE GRANT";
  const root = document.contents as unknown as YAMLMap<Scalar<string>>;
  for (const pair of root.items) {
    const comment = COMMENTS[pair.key.value as keyof Profile];
    if (comment === undefined) continue;
    pair.key.commentBefore = comment;
    pair.key.spaceBefore = true;
  }
  compact(root);
  return document.toString({ lineWidth: 110, flowCollectionPadding: true });
}

/** Lists of plain values that fit a line, and the tests of a call's arguments, are written in one. */
function compact(node: unknown, key = ""): void {
  if (isMap(node)) {
    for (const pair of node.items) compact(pair.value, String((pair.key as Scalar).value));
  } else if (isSeq(node)) {
    const isPlain = node.items.every((item) => isScalar(item));
    const length = isPlain
      ? node.items.reduce((sum: number, item) => sum + String((item as Scalar).value).length + 2, 0)
      : 0;
    if (key === "args" || (isPlain && length < 90) || node.items.length === 0) flow(node);
    else for (const item of node.items) compact(item, key);
    if (key === "sockets") for (const item of node.items) if (isMap(item)) item.flow = true;
  }
}

function flow(node: YAMLSeq): void {
  node.flow = true;
}
