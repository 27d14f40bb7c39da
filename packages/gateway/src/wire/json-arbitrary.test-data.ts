import fc from "fast-check";

/** A JSON text, and the value that it stands for, made beside each other without a parser. */
export interface Rendered {
  readonly text: string;
  readonly value: unknown;
}

export interface RenderedMember {
  readonly name: string;
  readonly keyText: string;
  readonly valueText: string;
  readonly value: unknown;
}

export interface RenderedObject {
  readonly text: string;
  readonly members: readonly RenderedMember[];
}

const space = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 4 }),
  },
);

/** A piece of a string: as it is written, and what it stands for. */
const piece = fc.oneof(
  fc.constantFrom<readonly [string, string]>(
    ['\\"', '"'],
    ["\\\\", "\\"],
    ["\\/", "/"],
    ["\\n", "\n"],
    ["\\u0041", "A"],
    ["\\u0022", '"'],
    ["\\u005c", "\\"],
    ["\\ud83d\\ude00", "😀"],
    ["\\ud800", "\ud800"],
    ["😀", "😀"],
    ["é", "é"],
    ["\u2028", "\u2028"],
    ["{", "{"],
    ["],", "],"],
    ["xxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxx"],
  ),
  fc
    .string({ unit: "grapheme-ascii", maxLength: 8 })
    .map((text): readonly [string, string] => [text.replace(/["\\]/g, "\\$&"), text]),
);

const string = fc.array(piece, { maxLength: 12 }).map((pieces) => ({
  text: `"${pieces.map(([written]) => written).join("")}"`,
  value: pieces.map(([, meant]) => meant).join(""),
}));

/**
 * A name of a member. None ends with a backslash: having read `{"\\":0}`, V8 13.6 reads the name in `{"\"":0}` as a
 * backslash too, and refuses the rest, since it compares with the names that it expects before it looks for escapes.
 */
const key = string.map((name) =>
  name.value.endsWith("\\") ? { text: `${name.text.slice(0, -1)}_"`, value: `${name.value}_` } : name,
);

const scalar: fc.Arbitrary<Rendered> = fc.oneof(
  string,
  fc
    .constantFrom("0", "-0", "1", "-12.50", "1e5", "1E+05", "2.5e-3", "123456789012345678901234567890")
    .map((text) => ({ text, value: Number(text) })),
  fc.constantFrom<unknown>(true, false, null).map((value) => ({ text: String(value), value })),
);

/** Made on the object itself even where the name is `__proto__`. */
function objectOf(entries: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(entries);
}

const tree = fc.letrec<{ value: Rendered }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    scalar,
    fc.tuple(fc.array(fc.tuple(space, tie("value"), space), { maxLength: 4 }), space).map(([items, gap]) => ({
      text: `[${items.length === 0 ? gap : items.map(([a, item, b]) => a + item.text + b).join(",")}]`,
      value: items.map(([, item]) => item.value),
    })),
    fc.array(fc.tuple(space, key, space, tie("value"), space), { maxLength: 4 }).map((items) => ({
      text: `{${items.map(([a, name, b, item, c]) => `${a}${name.text}${b}:${c}${item.text}`).join(",")}}`,
      value: objectOf(items.map(([, name, , item]) => [name.value, item.value])),
    })),
  ),
})).value;

const fieldName = fc.oneof(
  key,
  fc
    .constantFrom("a", "b", "c", "model", "stream", "2", "1", "__proto__", "constructor", "")
    .map((value) => ({ text: `"${value}"`, value })),
);

/** An object whose names all differ even without regard to case, written with any space and any escapes. */
export const renderedObject: fc.Arbitrary<RenderedObject> = fc
  .tuple(
    fc.uniqueArray(fc.tuple(fieldName, tree, space, space, space, space), {
      maxLength: 7,
      selector: ([name]) => name.value.toUpperCase().toLowerCase(),
    }),
    space,
    space,
    space,
  )
  .map(([items, before, after, gap]) => {
    const inner = items.map(([name, item, a, b, c, d]) => `${a}${name.text}${b}:${c}${item.text}${d}`);
    return {
      text: `${before}{${items.length === 0 ? gap : inner.join(",")}}${after}`,
      members: items.map(([name, item]) => ({
        name: name.value,
        keyText: name.text,
        valueText: item.text,
        value: item.value,
      })),
    };
  });
