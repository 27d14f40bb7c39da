import { runCatalogue } from "./run-catalogue.ts";

/** A gateway that nobody has configured, in life's time: some three minutes, all of them at once. */
await runCatalogue({ second: 1000, concurrency: 32 });
