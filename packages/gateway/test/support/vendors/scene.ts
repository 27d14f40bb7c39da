import type { JsonObject } from "../../../src/kernel/json.ts";

/** What a vendor's model is to answer, in no protocol's words. */
export interface Answer {
  readonly reasoning?: string;
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[];
  /** `stop` unless told; an answer with calls ends as the vendor ends those. */
  readonly finish?: "stop" | "length";
  readonly usage?: { readonly input: number; readonly output: number; readonly cached?: number };
}

/** What a vendor does instead of answering. */
export type Fault =
  | { readonly status: number; readonly kind: "bad" | "auth" | "rate" | "server" | "overloaded" | "overflow" }
  /** The connection is lost after the first pieces of the answer, or after so many. */
  | { readonly cut: true; readonly answer: Answer; readonly after?: number }
  /** After the first piece nothing more comes. */
  | { readonly hang: true; readonly answer: Answer };

export interface SeenCall {
  readonly id: string;
  readonly name: string;
  /** JSON text, whatever the protocol's form. */
  readonly arguments: string;
}

export interface SeenTurn {
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly reasoning: string;
  /** Opaque state that came back with the turn, such as signatures, in order. */
  readonly state: readonly string[];
  /** The base64 or the URL of each image. */
  readonly images: readonly string[];
  readonly calls: readonly SeenCall[];
  readonly results: readonly { readonly id: string; readonly text: string }[];
}

/** What a vendor understood of a request. */
export interface Seen {
  readonly model: string;
  readonly stream: boolean;
  readonly system: string;
  readonly turns: readonly SeenTurn[];
  readonly tools: readonly { readonly name: string; readonly schema: JsonObject }[];
  /** The schema that the answer must fit, where one was asked for; `{}` for any JSON. */
  readonly output?: JsonObject;
  /** Reasoning was asked for, or turned off. */
  readonly reasoning?: boolean;
  readonly body: JsonObject;
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
}

/** Why a vendor would answer 400, in its own words. */
export class Refusal extends Error {}

export function must(condition: unknown, why: string): asserts condition {
  if (condition === undefined || condition === null || condition === false) throw new Refusal(why);
}

/** The protocol of one vendor: strict about what it is sent, exact in what it sends. */
export interface VendorProtocol {
  /** Throws a `Refusal` for what the vendor refuses; undefined for a path that is not its own. */
  read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined;
  /** Header and value of the key. */
  readonly key: string;
  readonly streamType: string;
  /** The pieces of a stream, each a whole event. */
  stream(answer: Answer, seen: Seen, id: string): readonly string[];
  whole(answer: Answer, seen: Seen, id: string): JsonObject;
  error(status: number, kind: string, message: string): JsonObject;
  readonly models: JsonObject;
}

/** A text in pieces as a model sends it. */
export function pieces(text: string): readonly string[] {
  return text.match(/[\s\S]{1,24}/gu) ?? [];
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
