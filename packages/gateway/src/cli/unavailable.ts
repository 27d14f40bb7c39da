/** Commands that are to come, with what serves until then. They are neither carried out nor called unknown. */
export const laterCommands: ReadonlyMap<string, string> = new Map([
  ["init", "`patchbay config schema` prints what a document may hold"],
  ["login", "keys of endpoints are written into the document as ${NAME} references"],
  ["logout", "keys of endpoints are written into the document as ${NAME} references"],
  ["logs", "the log goes to stderr, as JSON lines"],
  ["launch", "point the client at http://127.0.0.1:4141/v1 yourself"],
  ["import", "`patchbay config schema` prints what a document may hold"],
  ["bench", "`npm run bench` in a checkout measures the gateway"],
]);
