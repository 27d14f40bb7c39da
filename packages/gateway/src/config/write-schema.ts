import { writeFileSync } from "node:fs";
import { endpointTypes } from "./endpoint-types.ts";
import { jsonSchemaText } from "./json-schema.ts";

/** Run as a program, after a change of the schema: `node src/config/write-schema.ts`. */
writeFileSync(new URL("../../schema/patchbay.schema.json", import.meta.url), jsonSchemaText(endpointTypes));
