/**
 * Loaded into a target's process by the bench (`--expose-gc --import`), never by the product: answers each message
 * with what the heap holds after a full collection.
 */
process.on("message", () => {
  // Twice, because finalizers of the first may free more.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ heapUsed, external, rss, collected: globalThis.gc !== undefined });
});
// The channel alone must not keep the process alive.
process.channel?.unref();
