import * as z from "zod";
import { documentSchema } from "./schema.ts";

/** The document's JSON Schema (draft 7, which editors' YAML support reads), made from the schema that validates. */
export function jsonSchema(endpointTypes: readonly string[]): { readonly [keyword: string]: unknown } {
  const { $schema, ...schema } = z.toJSONSchema(documentSchema(endpointTypes), {
    io: "input",
    target: "draft-7",
    // The leaves are functions of ours, and say what they read in their metadata.
    unrepresentable: "any",
    override: ({ jsonSchema: json, path }) => {
      if (path.at(-1) === "items" && path.at(-2) === "models" && path.includes("endpoints")) allowText(json);
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
