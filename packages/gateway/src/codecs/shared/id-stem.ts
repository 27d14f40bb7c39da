/** What a made id may hold of one of ours: the letters that every protocol's ids take, and its end, which differs. */
export function idStem(id: string): string {
  return id.replace(/[^A-Za-z0-9_-]/g, "").slice(-48);
}
