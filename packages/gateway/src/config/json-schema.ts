import * as z from "zod";
import { documentSchema } from "./schema.ts";

/** The document's JSON Schema (draft 7, which editors' YAML support reads), made from the schema that validates. */
export function jsonSchema(endpointTypes: readonly string[]): {
  readonly [keyword: string]: unknown;
} {
  const { $schema, ...schema } = z.toJSONSchema(documentSchema(endpointTypes), {
    io: "input",
    target: "draft-7",
    // The leaves are functions of ours, and say what they read in their metadata.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: json, path }) => {
      const isEndpointModel = path.includes("endpoints") && path.at(-2) === "models" && path.at(-1) === "items";
      // What is read through a function appears twice, within and without it.
      if (isEndpointModel && zodSchema._zod.def.type === "pipe") allowText(json);
    },
  });
  return { $schema, title: "patchbay.yaml", ...schema };
}

/** A model of an endpoint may be given by its name alone. */
function allowText(json: z.core.JSONSchema.BaseSchema): void {
  const { ...mapping } = json;
  for (const keyword of Object.keys(json)) delete json[keyword];
  json.anyOf = [{ type: "string", minLength: 1 }, mapping];
}

/** The schema as the file that is published, which ends with a line end. */
export function jsonSchemaText(endpointTypes: readonly string[]): string {
  return `${JSON.stringify(jsonSchema(endpointTypes), null, 2)}\n`;
}
