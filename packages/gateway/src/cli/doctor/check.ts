/** One line of the doctor's report. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "warning" | "failed";
  readonly message: string;
  /** What to do about it; with every finding. */
  readonly fix?: string;
}

export const ok = (name: string, message: string): Check => ({ name, state: "ok", message });

export const warning = (name: string, message: string, fix: string): Check => ({
  name,
  state: "warning",
  message,
  fix,
});

export const failed = (name: string, message: string, fix: string): Check => ({ name, state: "failed", message, fix });
