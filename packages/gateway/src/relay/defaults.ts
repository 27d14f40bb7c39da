import { defaultPlaces } from "../codecs/shared/default-words.ts";
import { parseExactObject } from "../codecs/shared/exact.ts";
import type { Codec } from "../kernel/codec.ts";
import type { Edit } from "../kernel/edit.ts";
import { own } from "../kernel/json.ts";
import type { Json, JsonObject } from "../kernel/json.ts";
import { scanObject } from "../wire/json-scan.ts";
import { splicePieces } from "../wire/json-splice.ts";
import { Rope } from "../wire/rope.ts";
import type { RequestBody } from "./types.ts";

/** A body with its top level scanned. */
export type ScannedBody = Pick<RequestBody, "rope" | "object">;

/**
 * The body with a virtual model's defaults where the client said nothing. They are in chat's words, or in those of the
 * client's own protocol; what its protocol has no word for is left out.
 */
export function withDefaults(body: ScannedBody, defaults: JsonObject, client: Codec): ScannedBody {
  const values = new Map<string, Json>();
  for (const [word, value] of Object.entries(defaults)) set(values, { word, value }, { body, client });
  if (values.size === 0) return body;
  const edits = [...values].map(([field, value]): Edit => ({ kind: "set", field, value }));
  const rope = new Rope(splicePieces(body.rope, body.object, edits));
  const scan = rope.withBytes((bytes) => scanObject(bytes, Infinity));
  return scan.ok ? { rope, object: scan.object } : body;
}

/** Notes the new value of a top-level field, unless the client has said something there. */
function set(
  values: Map<string, Json>,
  { word, value }: { readonly word: string; readonly value: Json },
  { body, client }: { readonly body: ScannedBody; readonly client: Codec },
): void {
  const places = defaultPlaces[client.protocol] ?? {};
  const place = Object.hasOwn(places, word) ? places[word] : ([word] as const);
  if (place === undefined) return;
  const [name, inner] = place;
  const names = client.ingress.synonyms.find((group) => group.includes(name)) ?? [name];
  const given = body.object.fields.find((field) => names.includes(field.name));
  // Chat takes a single stop as a text, the others only a list.
  const fitting = word === "stop" && places[word] !== undefined && typeof value === "string" ? [value] : value;
  if (inner === undefined) {
    if (given === undefined && !values.has(name)) values.set(name, fitting);
    return;
  }
  const field = given?.name ?? name;
  const before = values.get(field) ?? (given && parseExactObject(body.rope.text(given.valueStart, given.valueEnd)));
  // What is no object there is the client's mistake, and its backend's to tell.
  if (before === undefined ? given !== undefined : typeof before !== "object" || before === null) return;
  const object = (before ?? {}) as JsonObject;
  if (own(object, inner) === undefined) values.set(field, { ...object, [inner]: fitting });
}
