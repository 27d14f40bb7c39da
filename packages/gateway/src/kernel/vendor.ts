import type { Dialect } from "./codec.ts";
import type { Protocol } from "./protocol.ts";

/** A path below the base URL. `{model}` stands for the model's name. */
export type VendorPath = string | { readonly whole: string; readonly stream: string };

/** Which of OpenAI's APIs an endpoint is asked in, where its type has several. */
export const openaiApis = ["chat", "responses", "completions"] as const;
export type OpenaiApi = (typeof openaiApis)[number];

/** An upstream's family as a row of data: adding an OpenAI-like vendor is adding a row. */
export interface Vendor {
  /** The word for `type:` in the document. */
  readonly type: string;
  readonly title: string;
  /** Where the API lives; absent when the document must say it. Ends without a slash. */
  readonly baseUrl?: string;
  /** The protocols it serves, the one that others are best translated to first. */
  readonly paths: { readonly [P in Protocol]?: VendorPath };
  /** Path of the model list below the base URL. */
  readonly modelsPath: string;
  /** Path that tells more of one model, asked by `POST {"model": ...}`, where the list tells too little. */
  readonly modelPath?: string;
  /** Paths that count the tokens of a request of a protocol. `{model}` stands for the model's name. */
  readonly countPaths?: { readonly [P in Protocol]?: string };
  /** Last segment of a base, such as `/v1`, that the vendor's own SDKs add by themselves: people leave it out. */
  readonly versionSegment?: string;
  readonly auth: { readonly header: string; readonly scheme: "bearer" | "raw" };
  /** Environment variables that hold its key, the first one found is used. */
  readonly environment: readonly string[];
  /** Environment variables that hold its base URL, for servers that people run themselves. */
  readonly urlEnvironment?: readonly string[];
  /** How a server of this kind on this machine is recognised at start. */
  readonly local?: {
    readonly port: number;
    /** Path on the server's origin that answers only for this vendor. */
    readonly path: string;
    /** The answer's body must hold this text. */
    readonly contains: string;
  };
  readonly dialect: Dialect;
  /** Names that are known to be served without asking, with one `*` at most, such as `gpt-*`. */
  readonly modelPatterns?: readonly string[];
  /** Headers that the vendor wants on every request; never secrets. */
  readonly headers?: { readonly [name: string]: string };
}
