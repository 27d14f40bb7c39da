/** Where a command writes: results to stdout, what is wrong to stderr. */
export interface Output {
  /** One JSON object instead of lines for people. */
  readonly json: boolean;
  /** stdout is a terminal. */
  readonly terminal: boolean;
  line(text: string): void;
  error(text: string): void;
}

export function processOutput(json: boolean): Output {
  return {
    json,
    terminal: process.stdout.isTTY,
    line: (text) => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${text}\n`),
  };
}
