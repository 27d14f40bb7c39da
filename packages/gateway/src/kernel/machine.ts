/**
 * Everything that streams has this shape: a synchronous push machine without timers or sockets.
 * After `end` a machine is not pushed again.
 */
export interface Machine<In, Out> {
  push(item: In): readonly Out[];
  end(): readonly Out[];
}
