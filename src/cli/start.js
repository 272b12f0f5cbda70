// Plain JavaScript, because it runs before types can be stripped cheaply: stripping costs some 80 ms at each start,
// and Node keeps the stripped and compiled sources only once its compile cache is on. Set here, and not by
// NODE_COMPILE_CACHE, because the programs that cinch starts would inherit that and be recorded using it.
/* oxlint-disable typescript/no-unsafe-call -- the type checker reads no JavaScript */
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// A folder that cannot be written (a checkout of somebody else) only costs the time.
enableCompileCache(fileURLToPath(new URL("../../node_modules/.cache/cinch", import.meta.url)));
await import("./main.ts");
