/**
 * What must be undone when work ends in any way: processes to stop, containers to remove, files to delete. Undone
 * last in, first out; one failure does not keep the others from running. Use with `await using`.
 */
export class Cleanup implements AsyncDisposable {
  #undo: (() => void | Promise<void>)[] = [];

  add(undo: () => void | Promise<void>): void {
    this.#undo.push(undo);
  }

  /** Hands everything over to another one: this one then has nothing left to undo. */
  move(): Cleanup {
    const moved = new Cleanup();
    moved.#undo = this.#undo;
    this.#undo = [];
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `cleaning up failed in ${errors.length} places`);
  }
}
