import { jsonSchemas } from "../../src/profile/index.ts";
import type { Generated } from "./generated.ts";

/** schemas/NAME.schema.json, made from the schemas that documents are read with. */
export function generateSchemas(): Generated[] {
  return Object.entries(jsonSchemas()).map(([file, schema]) => ({
    path: `schemas/${file}`,
    content: `${JSON.stringify(schema, null, 2)}\n`,
  }));
}
