import * as z from "zod";

/** Notes what is wrong with a value; `path` leads further into it. */
export type Report = (message: string, path?: readonly (string | number)[]) => undefined;

/**
 * A value that is read by a function of ours, so that its message says what to write. `{value}` in a message is
 * replaced by what the document says there, unresolved. `json` describes the value in the JSON Schema.
 */
export function leaf<Value>(
  json: { readonly [keyword: string]: unknown },
  read: (value: unknown, report: Report) => Value | undefined,
): z.ZodType<Value> {
  const type = z.unknown().transform((value, context): Value => {
    let reported = false;
    const report: Report = (message, path = []) => {
      reported = true;
      context.issues.push({ code: "custom", message, path: [...path], input: undefined });
      return undefined;
    };
    const result = value === undefined ? report("is required") : read(value, report);
    if (result === undefined && !reported) report("is not valid");
    return reported || result === undefined ? z.NEVER : result;
  });
  // The type's input is whatever the document holds; only its output is of interest.
  return type.meta({ ...json }) as unknown as z.ZodType<Value>;
}

/** A mapping of the document. Left out or left empty, it is as if it were `{}`. */
export function section<const Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, z.strictObject(shape)).prefault({});
}

/** A list of the document. Left out or left empty, it is as if it were `[]`. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.preprocess((value) => value ?? [], z.array(item)).prefault([]);
}
