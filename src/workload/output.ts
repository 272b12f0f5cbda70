/** Of long output the beginning (what was started) and the end (how it ended) are kept. */
const HEAD_BYTES = 64 * 1024;
const TAIL_BYTES = 192 * 1024;
/** A longer line is matched in pieces. */
const MAX_LINE = 64 * 1024;

interface Watcher {
  pattern: RegExp;
  found: () => void;
}

/** What a process writes: bounded in memory, and watched line by line. */
export class OutputLog {
  #head: Buffer[] = [];
  #headBytes = 0;
  /** The last bytes after the head: byte n of them is at n modulo the ring's size. */
  #ring: Buffer | undefined;
  #tailBytes = 0;
  /** The unfinished line of each stream. */
  #lines = new Map<string, string>();
  #watchers = new Set<Watcher>();

  /** `stream` keeps apart lines that arrive in pieces from several places. */
  write(chunk: Uint8Array, stream = "stdout"): void {
    const bytes = Buffer.from(chunk);
    const head = bytes.subarray(0, HEAD_BYTES - this.#headBytes);
    if (head.length > 0) {
      this.#head.push(head);
      this.#headBytes += head.length;
    }
    if (bytes.length > head.length) this.#keepTail(bytes.subarray(head.length));
    this.#watch(bytes, stream);
  }

  #keepTail(bytes: Buffer): void {
    this.#ring ??= Buffer.alloc(TAIL_BYTES);
    // Of more than the ring holds, the end.
    let rest = bytes.subarray(-TAIL_BYTES);
    let at = (this.#tailBytes + bytes.length - rest.length) % TAIL_BYTES;
    while (rest.length > 0) {
      const copied = rest.copy(this.#ring, at);
      rest = rest.subarray(copied);
      at = (at + copied) % TAIL_BYTES;
    }
    this.#tailBytes += bytes.length;
  }

  #tail(): Buffer {
    if (this.#ring === undefined) return Buffer.alloc(0);
    if (this.#tailBytes <= TAIL_BYTES) return this.#ring.subarray(0, this.#tailBytes);
    const at = this.#tailBytes % TAIL_BYTES;
    return Buffer.concat([this.#ring.subarray(at), this.#ring.subarray(0, at)]);
  }

  #watch(bytes: Buffer, stream: string): void {
    if (this.#watchers.size === 0) return;
    const text = (this.#lines.get(stream) ?? "") + bytes.toString("latin1");
    const lines = text.split("\n");
    for (const line of lines) this.#match(decode(line));
    this.#lines.set(stream, lines.at(-1)!.slice(-MAX_LINE));
  }

  #match(line: string): void {
    for (const watcher of this.#watchers) {
      if (!watcher.pattern.test(line)) continue;
      this.#watchers.delete(watcher);
      watcher.found();
    }
  }

  /** Resolves once a line matches, those already written included; never, if none does: `signal` ends the waiting. */
  waitFor(pattern: RegExp, signal: AbortSignal): Promise<void> {
    // A pattern with `g` or `y` would remember where it stopped.
    const fresh = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const text = this.text();
      if (text.split("\n").some((line) => fresh.test(line))) return resolve();
      // A line may be half written: what of it is known belongs to what comes.
      if (this.#watchers.size === 0)
        this.#lines = new Map([
          ["stdout", lastLine(text)],
          ["stderr", lastLine(text)],
        ]);
      const watcher: Watcher = { pattern: fresh, found: done };
      const stop = (): void => {
        this.#watchers.delete(watcher);
        reject(signal.reason as Error);
      };
      function done(): void {
        signal.removeEventListener("abort", stop);
        resolve();
      }
      this.#watchers.add(watcher);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  text(): string {
    const head = Buffer.concat(this.#head).toString("utf8");
    const tail = this.#tail().toString("utf8");
    const dropped = Math.max(0, this.#tailBytes - TAIL_BYTES);
    return dropped === 0 ? head + tail : `${head}\n[${dropped} bytes left out]\n${tail}`;
  }

  /** The last lines, for a message. */
  lastLines(count: number): string {
    return this.text().trimEnd().split("\n").slice(-count).join("\n");
  }
}

function lastLine(text: string): string {
  return Buffer.from(text.slice(text.lastIndexOf("\n") + 1)).toString("latin1");
}

/** Pieces may cut a character in two, so lines are put together as bytes. */
function decode(line: string): string {
  return Buffer.from(line, "latin1").toString("utf8");
}
