import { runCatalogue } from "./run-catalogue.ts";

await runCatalogue({ second: 100, concurrency: 16 });
