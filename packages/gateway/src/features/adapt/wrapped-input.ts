/** The one parameter of a function that stands for a tool with free text. */
export const inputName = "input";

/** Free text as the arguments of such a function. */
export function wrapInput(text: string): string {
  return JSON.stringify({ [inputName]: text });
}

/** What stands before the text, with any space before each of them. */
const opening = ["{", `"${inputName}"`, ":", '"'] as const;

const escapes: { readonly [letter: string]: string } = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Most characters that are held to find out what they are. */
const longestHeld = 65_536;

/**
 * `opening`: what came so far may be the opening. `text`: within the string. `quote`: behind a quote that ends it, or
 * that the model forgot to escape. `over`: in what follows, which is left out. `odd`: something else, held until its end tells. `raw`: as it is.
 */
type State = "opening" | "text" | "quote" | "over" | "odd" | "raw";

/**
 * The free text within a function's arguments, as they grow. Arguments that begin as `{"input": "` give the string's
 * text as it comes; another object with such a string gives it at its end; everything else is given as it is.
 */
export class WrappedInput {
  #state: State = "opening";
  /** What is not decided yet: all so far, the beginning of an escape, or what may end the text. */
  #held = "";
  /** How far the opening has come: so many of its tokens, and so many characters of the next one. */
  #token = 0;
  #within = 0;
  /** The last mark of those that may end the text: the quote, or what came behind it. */
  #closer = '"';
  /** The first half of a surrogate pair, which must not travel without the other. */
  #half = "";

  /** More of the arguments; gives what of the text is sure. */
  push(piece: string): string {
    return this.#whole(this.#read(piece));
  }

  /** The arguments are over: the rest of the text. */
  end(): string {
    const rest = this.#half + this.#last();
    this.#half = "";
    return rest;
  }

  #read(piece: string): string {
    let out = "";
    let at = 0;
    while (at < piece.length) {
      switch (this.#state) {
        case "opening":
          at = this.#open(piece, at);
          break;
        case "odd":
          this.#held += piece.slice(at);
          at = piece.length;
          break;
        case "raw":
          return out + piece.slice(at);
        case "over":
          return out;
        default: {
          const step = this.#state === "text" ? this.#text(piece, at) : this.#quote(piece, at);
          out += step.out;
          at = step.at;
        }
      }
    }
    if (this.#state !== "odd" || this.#held.length <= longestHeld) return out;
    this.#state = "raw";
    return out + this.#take();
  }

  /** Looks for the opening from `at` on; gives where it is over, or where it turned out to be none. */
  #open(piece: string, at: number): number {
    for (let place = at; place < piece.length; place++) {
      const character = piece[place] ?? "";
      const token = opening[this.#token] ?? "";
      if (this.#within > 0 || !isSpace(character)) {
        if (character !== token[this.#within]) return this.#turnOdd(piece, at, place);
        this.#within++;
      }
      if (this.#held.length + place - at >= longestHeld) return this.#turnOdd(piece, at, place);
      if (this.#within < token.length) continue;
      this.#within = 0;
      this.#token++;
      if (this.#token < opening.length) continue;
      this.#held = "";
      this.#state = "text";
      return place + 1;
    }
    this.#held += piece.slice(at);
    return piece.length;
  }

  #turnOdd(piece: string, from: number, to: number): number {
    this.#held += piece.slice(from, to);
    this.#state = "odd";
    return to;
  }

  /** Up to the next quote or escape, and the escape if it is whole. */
  #text(piece: string, from: number): { out: string; at: number } {
    if (this.#held !== "") return this.#escape(piece, from);
    let at = from;
    while (at < piece.length && !isMark(piece.charCodeAt(at))) at++;
    const out = piece.slice(from, at);
    this.#held = piece[at] ?? "";
    if (this.#held === '"') {
      this.#state = "quote";
      this.#closer = '"';
    }
    return { out, at: at + 1 };
  }

  /** One more character of an escape. What is none is text, and what it ends with is looked at again. */
  #escape(piece: string, at: number): { out: string; at: number } {
    const character = piece[at] ?? "";
    if (this.#held === "\\" && character !== "u") {
      const meant = Object.hasOwn(escapes, character) ? escapes[character] : undefined;
      if (meant === undefined) return { out: this.#take(), at };
      this.#held = "";
      return { out: meant, at: at + 1 };
    }
    if (this.#held !== "\\" && !/^[0-9a-fA-F]$/.test(character)) return { out: this.#take(), at };
    this.#held += character;
    if (this.#held.length < 6) return { out: "", at: at + 1 };
    return { out: String.fromCharCode(Number.parseInt(this.#take().slice(2), 16)), at: at + 1 };
  }

  /**
   * Behind a quote. In JSON the object ends there, or another name follows; anything else says that the quote was
   * meant as text, which is better told in full than cut.
   */
  #quote(piece: string, at: number): { out: string; at: number } {
    const character = piece[at] ?? "";
    const isMore = isSpace(character) || (this.#closer === '"' && (character === "," || character === "}"));
    if (isMore && this.#held.length < longestHeld) {
      this.#held += character;
      if (!isSpace(character)) this.#closer = character;
      return { out: "", at: at + 1 };
    }
    if (this.#closer === "," && character === '"') {
      this.#state = "over";
      this.#held = "";
      return { out: "", at: at + 1 };
    }
    this.#state = "text";
    return { out: this.#take(), at };
  }

  #last(): string {
    const held = this.#take();
    if (this.#state === "odd") return textWithin(held) ?? held;
    // A quote at the very end is the string's end, though the object's end is missing.
    return this.#state === "quote" ? "" : held;
  }

  #take(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** The text but for a first half of a pair at its end. */
  #whole(text: string): string {
    if (text === "") return "";
    const all = this.#half + text;
    this.#half = isFirstHalf(all.charCodeAt(all.length - 1)) ? all.slice(-1) : "";
    return this.#half === "" ? all : all.slice(0, -1);
  }
}

function isSpace(character: string): boolean {
  return character === " " || character === "\n" || character === "\r" || character === "\t";
}

/** A quote or a backslash. */
function isMark(unit: number): boolean {
  return unit === 34 || unit === 92;
}

function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** The string within whole arguments in another form, such as with another field before it. */
function textWithin(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, inputName)) return undefined;
    const [, input] = Object.entries(value).find(([name]) => name === inputName) ?? [];
    return typeof input === "string" ? input : undefined;
  } catch {
    return undefined;
  }
}
