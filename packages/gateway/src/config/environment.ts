import { env } from "node:process";

/** Environment variables by name. Empty ones are as good as unset: `docker run -e NAME=` means that. */
export type Environment = ReadonlyMap<string, string>;

/** The process's environment. Nothing else reads it. */
export function environmentFromProcess(): Environment {
  return environmentOf(env);
}

/** An environment from a plain record; for tests and for programs that embed the gateway. */
export function environmentOf(variables: { readonly [name: string]: string | undefined }): Environment {
  const environment = new Map<string, string>();
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined && value.trim() !== "") environment.set(name, value);
  }
  return environment;
}
