import type { Protocol } from "../../kernel/protocol.ts";
import { parseObject } from "../../relay/interpreter.ts";
import type { Gateway } from "../gateway.ts";
import type { RelayOrder } from "../order.ts";
import type { Takeover } from "./generate.ts";

/** Longest body that is looked at, in bytes: a request to load a model holds little more than its name. */
const longest = 8192;

/**
 * Answers requests that only load or unload a model, where the backend that they would go to does not speak Ollama's
 * own protocol and so has nothing to load. All others are relayed.
 */
export function loadTakeover(protocol: Protocol, gateway: Gateway): Takeover | undefined {
  const { loads, clock } = gateway.service;
  if (loads === undefined || (protocol !== "ollama" && protocol !== "ollama-generate")) return undefined;
  return (incoming, order) => {
    const body = order.body.rope.length > longest || servesIt(order) ? undefined : parseObject(order.body.rope.bytes);
    if (body === undefined || !loads.isLoadRequest(body, protocol)) return gateway.relay(incoming, order);
    const created = Math.floor(clock.now() / 1000);
    gateway.json(incoming, loads.loadAnswer(body, { protocol, created, model: order.requestedModel }));
  };
}

function servesIt({ plan, runtime, codec }: RelayOrder): boolean {
  const [first] = plan.attempts;
  const backend = first === undefined ? undefined : runtime.endpoints.get(first.endpoint)?.backend;
  return backend?.kind === "wire" && backend.serves.includes(codec.protocol);
}
