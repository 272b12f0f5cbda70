import { projectJsonSchema } from "../../src/image/index.ts";
import { jsonSchemas } from "../../src/profile/index.ts";
import type { Generated } from "./generated.ts";

/** schemas/NAME.schema.json, made from the schemas that documents and cinch.yaml are read with. */
export function generateSchemas(): Generated[] {
  return Object.entries({ ...jsonSchemas(), "cinch.schema.json": projectJsonSchema() }).map(
    ([file, schema]) => ({
      path: `schemas/${file}`,
      content: `${JSON.stringify(schema, null, 2)}\n`,
    }),
  );
}
