/** What the shell is told. `configuration` is EX_CONFIG of sysexits.h. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, configuration: 78 } as const;
