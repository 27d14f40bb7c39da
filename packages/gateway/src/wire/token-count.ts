/** Bytes of JSON for a token: of prose about four; of code and numbers less, so that this says too few rather than too many. */
export const bytesPerToken = 4;

/** What an image costs at most, whatever its bytes are (OpenAI: 1,445 at high detail; Anthropic: about 1,600). */
const imageTokens = 1_600;

/** Shorter texts in base64 are counted as they are. */
const shortestData = 1_024;

/** About how many tokens a body has, with long texts in base64 counted as images. */
export function countTokens(bytes: Buffer): number {
  let length = bytes.length;
  let images = 0;
  for (const mark of [";base64,", '"data":"', '"data": "', '"images":["', '"images": ["']) {
    for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at)) {
      at += mark.length;
      const end = bytes.indexOf(34, at);
      const size = (end === -1 ? bytes.length : end) - at;
      if (size < shortestData || bytes.subarray(at, at + shortestData).includes(32)) continue;
      length -= size;
      images++;
      at += size;
    }
  }
  return length / bytesPerToken + images * imageTokens;
}
