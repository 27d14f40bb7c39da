/**
 * Members that come and go with requests, in the order in which they came. Each is in it once; its caller sees to that.
 *
 * Not a Set or a Map, since those that live long do not let go: at every few dozen changes they take a new table, which
 * V8 makes in the old generation where the last one was, and the last one keeps all that was in it, whole exchanges, until
 * a full collection (decision 0021).
 */
export class Roster<Member extends object> {
  /** With `undefined` where a member left. As long as it ever was. */
  readonly #places: (Member | undefined)[] = [];
  /** Behind the last place that may be taken. */
  #end = 0;
  #size = 0;
  /** How many look through it at the moment. */
  #readers = 0;

  get size(): number {
    return this.#size;
  }

  add(member: Member): void {
    if (this.#end === this.#places.length && this.#readers === 0 && this.#size <= this.#end / 2) this.#closeUp();
    this.#places[this.#end++] = member;
    this.#size++;
  }

  /** Nothing happens if it is not in. Who came last is found first. */
  delete(member: Member): void {
    for (let at = this.#end - 1; at >= 0; at--) {
      if (this.#places[at] !== member) continue;
      this.#places[at] = undefined;
      this.#size--;
      return;
    }
  }

  /** Whoever leaves meanwhile is not told of any more, and whoever comes is. */
  *[Symbol.iterator](): Generator<Member, void> {
    this.#readers++;
    try {
      for (let at = 0; at < this.#end; at++) {
        const member = this.#places[at];
        if (member !== undefined) yield member;
      }
    } finally {
      this.#readers--;
    }
  }

  #closeUp(): void {
    let end = 0;
    for (let at = 0; at < this.#end; at++) {
      const member = this.#places[at];
      this.#places[at] = undefined;
      if (member !== undefined) this.#places[end++] = member;
    }
    this.#end = end;
  }
}
