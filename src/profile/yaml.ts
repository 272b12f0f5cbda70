import type { Node, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { yaml } from "../base/index.ts";
import { describeRow } from "./args.ts";
import type { ArgTest, Profile, SyscallGrant } from "./model.ts";

/** What a reader of a profile must know, above the member it is about. */
const COMMENTS: Partial<Record<keyof Profile, string>> = {
  incomplete: "What is known to be missing: read before you rely on this profile.",
  analyzed: "Whose code was analyzed; cinch verify says when one of these has changed.",
  syscalls:
    "System calls; all others are refused. One with args is allowed only where one of the lists holds.",
  capabilities: "Rights of root that are kept; all others are dropped.",
  filesystem: "A slash at the end stands for everything below. tmpfs: may be empty at each start.",
  network: "What is opened, listened on and connected to.",
  noNewPrivileges: "true: executing a set-user-ID program gains nothing.",
};

/** Lists of plain values up to this width are written in one line; longer ones take a line an entry, which diffs well. */
const LINE = 90;

/**
 * A profile as people keep it: YAML in a fixed order, a comment above each part, the limits on arguments with their
 * meaning. The same profile gives the same text; reading it back gives the same profile.
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
    ...(profile.analyzed !== undefined && { analyzed: profile.analyzed }),
    syscalls: profile.syscalls,
    capabilities: profile.capabilities,
    filesystem: profile.filesystem,
    network: profile.network,
    user: profile.user,
    noNewPrivileges: profile.noNewPrivileges,
    isolation: profile.isolation,
  };
  const { Document } = yaml();
  const document = new Document(ordered, { aliasDuplicateObjects: false });
  document.commentBefore =
    " A security profile made by cinch. To see why a grant is there: cinch explain THIS-FILE GRANT";
  const root = document.contents as unknown as YAMLMap<Scalar<keyof Profile>, Node>;
  for (const { key, value } of root.items) {
    const comment = COMMENTS[key.value];
    if (comment !== undefined) {
      key.commentBefore = ` ${comment}`;
      key.spaceBefore = true;
    }
    if (value !== null) layOut(value);
  }
  const allow = document.getIn(["syscalls", "allow"]) as YAMLSeq<Node>;
  profile.syscalls.allow.forEach((grant, i) => {
    if (typeof grant !== "string") layOutLimits(grant, allow.items[i] as YAMLMap);
  });
  // No width: the reader's editor breaks lines better than a writer that must not change a text.
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function layOut(node: Node): void {
  const { isMap, isScalar, isSeq } = yaml();
  if (isMap(node)) {
    for (const { value } of node.items) layOut(value as Node);
  } else if (isSeq(node)) {
    for (const item of node.items) if (isMap(item)) item.flow = true;
    const isPlain = node.items.every((item) => isScalar(item));
    node.flow = node.items.length === 0 || (isPlain && widthOf(node) < LINE);
  }
}

function widthOf({ items }: YAMLSeq): number {
  return items.reduce((sum: number, item) => sum + String((item as Scalar).value).length + 2, 0);
}

/** One alternative a line, with what it says in words; numbers of bits in hexadecimal. */
function layOutLimits(grant: SyscallGrant, map: YAMLMap): void {
  const { isScalar } = yaml();
  map.flow = false;
  const rows = map.get("args") as YAMLSeq<YAMLSeq<YAMLMap>>;
  rows.flow = false;
  rows.items.forEach((row, i) => {
    row.flow = true;
    row.comment = ` ${describeRow(grant.name, grant.args[i]!)}`;
    for (const test of row.items) {
      test.flow = true;
      for (const member of ["value", "mask"] as const satisfies readonly (keyof ArgTest)[]) {
        const number = test.get(member, true);
        if (isScalar(number) && typeof number.value === "number" && number.value > 0xff)
          number.format = "HEX";
      }
    }
  });
}
