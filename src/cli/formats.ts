/**
 * The formats of `-o`, by command. They stand here, not in the rooms that make them, so that help and completion
 * answer without loading those rooms.
 */
export const EMIT_FORMATS = ["seccomp", "docker", "oci"] as const;

export const FORMATS = {
  json: ["json"],
  none: [],
  record: ["json", "recording"],
  analyze: ["json", "analysis"],
  derive: ["profile", "evidence", "json"],
  merge: ["json", "yaml"],
  emit: EMIT_FORMATS,
  verify: ["json", "verdict"],
  profile: ["profile", "evidence", "recording", "analysis", "verdict", "json", ...EMIT_FORMATS],
} as const;
