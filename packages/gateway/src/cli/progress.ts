import type { EndpointReport } from "../app/survey.ts";
import type { Output } from "./output.ts";

/** Milliseconds that the endpoints have to give their model lists. */
export const listTime = 5000;

/** Tells a watching person how many endpoints have answered. */
export function progressOf(output: Output): (report: EndpointReport, total: number) => void {
  let heard = 0;
  return (_report, total) => {
    heard++;
    output.progress(`asking endpoints for their models: ${heard} of ${total}`);
  };
}
