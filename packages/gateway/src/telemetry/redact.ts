import type { Secret } from "../kernel/secret.ts";

/** Shorter secrets are left alone: replacing `a` everywhere would reveal more than it hides. */
const shortest = 6;
const mark = "[secret]";

/** What looks like a secret though we do not know it: bearer tokens, vendors' key prefixes, credentials in URLs. */
const suspicious =
  /\b(Bearer|Basic)\s+[\w.~+/=-]{6,}|\b(?:sk|pk|rk|gsk|xai|cpk|nvapi|fw|csk|pbk)[-_][\w-]{8,}|(:\/\/)[^\s/@]{1,256}@|([?&](?:key|api_key|apikey|token|access_token)=)[^\s&#"']+/gi;

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Takes known secrets, and what looks like one, out of texts that are to be logged. */
export class Redactor {
  readonly #known = new Set<string>();
  #pattern: RegExp | undefined;
  #shortest = Infinity;

  /** Length of the shortest known text that is hidden, in characters. */
  get shortest(): number {
    return this.#shortest;
  }

  /** Adds secrets to those that are known; none is ever forgotten, for a reload must not make an old one printable. */
  add(secrets: Iterable<Secret>): void {
    for (const secret of secrets) {
      const value = secret.reveal();
      if (value.length < shortest) continue;
      this.#known.add(value);
      // A secret inside JSON or a URL looks different.
      this.#known.add(JSON.stringify(value).slice(1, -1));
      this.#known.add(encodeURIComponent(value.toWellFormed()));
    }
    // Longest first, so that a secret which begins another one does not leave the other's tail.
    const sorted = [...this.#known].sort((a, b) => b.length - a.length);
    this.#shortest = sorted.at(-1)?.length ?? Infinity;
    this.#pattern = sorted.length === 0 ? undefined : new RegExp(sorted.map(escape).join("|"), "g");
  }

  /** Takes known secrets out of a text. Cheap enough for every field of every line. */
  known(text: string): string {
    // Most fields are shorter than any secret.
    return this.#pattern === undefined || text.length < this.#shortest ? text : text.replace(this.#pattern, mark);
  }

  /** Takes known secrets out of a text, and what looks like one. For free text, such as an error's message. */
  text(text: string): string {
    return withoutSuspects(this.known(text));
  }
}

/** Takes what looks like a secret out of a text. */
export function withoutSuspects(text: string): string {
  return text.replace(
    suspicious,
    (_match, scheme: string | undefined, authority: string | undefined, query: string | undefined) =>
      `${scheme === undefined ? "" : `${scheme} `}${authority ?? ""}${query ?? ""}${mark}${authority === undefined ? "" : "@"}`,
  );
}
