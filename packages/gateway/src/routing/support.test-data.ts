import { plainModel } from "./types.ts";
import type { EndpointView, VirtualModel } from "./types.ts";

/** @param more `lists` are names of models that the endpoint lists. */
export function endpoint(
  name: string,
  more: Partial<EndpointView> & { readonly lists?: readonly string[] } = {},
): EndpointView {
  const { lists = [], ...rest } = more;
  return {
    name,
    type: "openai-compatible",
    enabled: true,
    priority: 0,
    serves: ["openai-chat", "openai-embeddings"],
    catalog: lists.map((id) => ({ id, facts: { ownedBy: name } })),
    modelPatterns: [],
    ...rest,
  };
}

/** @param targets As `endpoint/model`, with a weight behind a blank where there is one. */
export function model(name: string, targets: readonly string[], more: Partial<VirtualModel> = {}): VirtualModel {
  const given = targets.map((target) => {
    const [key = "", weight] = target.split(" ");
    const [place = "", ...rest] = key.split("/");
    return { endpoint: place, model: rest.join("/"), ...(weight !== undefined && { weight: Number(weight) }) };
  });
  return { ...plainModel(name, given), ...more };
}
