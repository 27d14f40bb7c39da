import { hash } from "node:crypto";
import type { NameRule } from "../../kernel/codec.ts";

/** Characters of the hash that tells shortened texts apart. */
const markLength = 10;

/** Longest text that we make up where the rule itself knows no end. */
const longestMade = 64;

/** Tries to find a text that is not taken yet; more would mean that the rule has no room for so many texts. */
const mostTries = 1000;

/** What we keep of a text that must change, if the rule takes it: nothing that any other program has trouble with. */
const tame = /^[a-zA-Z0-9_.:-]$/;

const wholes = new WeakMap<RegExp, RegExp>();

/** Whether a rule takes a text as it is. */
export function fits(text: string, rule: NameRule): boolean {
  if (text.length > rule.longest || text.length < (rule.shortest ?? 1)) return false;
  return wholeOf(rule.character).test(text) && (rule.first === undefined || startOf(rule.first).test(text));
}

/** How a text is made to fit. */
export interface Fitting {
  /** A word of letters that goes before what may not stand first, such as `tool`. */
  readonly stem: string;
  /** Another one gives another text, for texts that are taken already. From 1 on also a fitting text changes. */
  readonly salt?: number;
}

/**
 * The text as the rule takes it: itself if it fits, else its tame characters, cut, with a hash of the whole. The same
 * text always gives the same one.
 */
export function fitted(text: string, rule: NameRule, { stem, salt = 0 }: Fitting): string {
  if (salt === 0 && fits(text, rule)) return text;
  const digest = hash("sha256", salt === 0 ? text : `${salt} ${text}`, "hex");
  const longest = Math.min(rule.longest, longestMade);
  const takes = (character: string) => tame.test(character) && wholeOf(rule.character).test(character);
  const filler = ["_", "-"].find(takes) ?? "";
  const room = longest - markLength - filler.length;
  if (room < stem.length + filler.length) return digest.slice(0, longest);
  let kept = "";
  for (const character of text) {
    if (kept.length >= room) break;
    kept += takes(character) ? character : filler;
  }
  if (kept === "") kept = stem;
  if (rule.first !== undefined && !startOf(rule.first).test(kept)) kept = stem + filler + kept;
  return (kept.slice(0, room) + filler + digest.slice(0, markLength)).padEnd(rule.shortest ?? 0, digest);
}

/** The texts that a rule does not take, with what they become. No two texts become the same. */
export function fitAll(texts: ReadonlySet<string>, rule: NameRule, stem: string): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  const wrong = [...texts].filter((text) => !fits(text, rule));
  if (wrong.length === 0) return changed;
  const taken = new Set(texts);
  for (const text of wrong) changed.set(text, free(text, rule, { stem, taken }));
  return changed;
}

/** The text as the rule takes it, and as nothing in `taken` is called; it is added there. */
export function free(
  text: string,
  rule: NameRule,
  { stem, taken, from = 0 }: { readonly stem: string; readonly taken: Set<string>; readonly from?: number },
): string {
  let found = fitted(text, rule, { stem, salt: from });
  for (let salt = from + 1; taken.has(found) && salt < mostTries; salt++) found = fitted(text, rule, { stem, salt });
  taken.add(found);
  return found;
}

function wholeOf(character: RegExp): RegExp {
  let whole = wholes.get(character);
  if (whole === undefined) {
    whole = new RegExp(`^(?:${character.source})*$`, character.flags.replace(/[gmy]/g, ""));
    wholes.set(character, whole);
  }
  return whole;
}

function startOf(first: RegExp): RegExp {
  let start = wholes.get(first);
  if (start === undefined) {
    start = new RegExp(`^(?:${first.source})`, first.flags.replace(/[gmy]/g, ""));
    wholes.set(first, start);
  }
  return start;
}
