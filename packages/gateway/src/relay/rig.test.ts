/** An exchange with fakes around it, for tests of what becomes of several attempts. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { Exchange } from "./exchange.ts";
import { chunk, elapse, eventStream, scene } from "./support.test.ts";
import type { FakeCall, Scene, SceneOptions } from "./support.test.ts";

/** An exchange that begins, and time that passes, when they are told to. */
export class Rig implements Disposable {
  readonly scene: Scene;
  readonly exchange: Exchange;

  constructor(options: SceneOptions = {}) {
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    this.scene = scene(options);
    this.exchange = new Exchange(this.scene.input, this.scene.context);
  }

  start(): this {
    this.exchange.start();
    return this;
  }

  /** The call that was sent last. */
  get call(): FakeCall {
    const call = this.scene.backend.calls.at(-1);
    assert.ok(call !== undefined, "nothing was sent");
    return call;
  }

  get sends(): number {
    return this.scene.backend.calls.length;
  }

  /** What the last call asked for. */
  get sent(): { readonly messages: readonly { readonly role: string; readonly content: unknown }[] } {
    return JSON.parse(Buffer.concat(this.call.call.body).toString());
  }

  /** The last call answers with a stream of these texts, and then what `then` does. */
  says(texts: readonly string[], then: "finish" | "reset" | "nothing" = "nothing", call = this.call): void {
    call.head(200, eventStream);
    for (const text of texts) call.data(chunk({ content: text }));
    if (then === "reset") call.fail("broken-stream");
    if (then !== "finish") return;
    call.data(`${chunk({}, "stop")}data: [DONE]\n\n`);
    call.end();
  }

  /** One of the calls so far. */
  at(index: number): FakeCall {
    const call = this.scene.backend.calls[index];
    assert.ok(call !== undefined, `call ${index} was not sent`);
    return call;
  }

  /** Endpoints and failures of the attempts that are over. */
  get attempts(): readonly (readonly [endpoint: string, failure: string | undefined])[] {
    return this.scene.observer.attempts.map(({ endpoint, failure }) => [endpoint, failure?.kind] as const);
  }

  /** What the client made of its stream. */
  get told(): { readonly text: string; readonly error: string | undefined; readonly finished: boolean } {
    let text = "";
    let error: string | undefined;
    let finished = false;
    for (const line of this.scene.client.body.split("\n")) {
      if (!line.startsWith("data: {")) continue;
      const event = JSON.parse(line.slice(6)) as {
        error?: { message: string };
        choices?: { delta: { content?: string }; finish_reason: string | null }[];
      };
      error ??= event.error?.message;
      text += event.choices?.[0]?.delta.content ?? "";
      if ((event.choices?.[0]?.finish_reason ?? null) !== null) finished = true;
    }
    return { text, error, finished };
  }

  pass(milliseconds: number): void {
    elapse(this.scene.clock, milliseconds);
  }

  [Symbol.dispose](): void {
    this.scene[Symbol.dispose]();
    mock.timers.reset();
  }
}
