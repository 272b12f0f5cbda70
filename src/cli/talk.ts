import { type Talk } from "../base/index.ts";
import type { OutputStream } from "./context.ts";
import type { Paint } from "./paint.ts";

export interface TalkOptions {
  paint: Paint;
  quiet: boolean;
  verbose: boolean;
  /** A terminal that can move its cursor: a running phase shows its seconds. */
  live: boolean;
}

/** Below this a phase's seconds say nothing. */
const SHOW_SECONDS_FROM_MS = 1000;
const TICK_MS = 1000;

/**
 * Talk on standard error. Each phase is a line; on a terminal the line counts the seconds while the phase runs and
 * keeps them when it has ended. Quiet leaves warnings in: what was lost or left out is never hidden.
 */
export class TerminalTalk implements Talk, Disposable {
  readonly #stream: OutputStream;
  readonly #options: TalkOptions;
  #running: { text: string; since: number; timer: NodeJS.Timeout } | undefined;

  constructor(stream: OutputStream, options: TalkOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  phase(text: string): void {
    if (this.#options.quiet) return;
    this.end();
    if (!this.#options.live) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#stream.write(text);
    const timer = setInterval(() => this.#draw(), TICK_MS);
    timer.unref();
    this.#running = { text, since: performance.now(), timer };
  }

  warn(text: string): void {
    this.#line(`${this.#options.paint.doubtful("warning:")} ${text}`);
  }

  detail(text: string): void {
    if (this.#options.verbose && !this.#options.quiet) this.#line(this.#options.paint.faint(`  ${text}`));
  }

  /** A summary that is talk, because standard output carries a document. */
  say(text: string): void {
    if (!this.#options.quiet) this.#line(text);
  }

  /** Ends the running phase's line, before anything else is written. */
  end(): void {
    if (this.#running === undefined) return;
    clearInterval(this.#running.timer);
    this.#draw();
    this.#stream.write("\n");
    this.#running = undefined;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #line(text: string): void {
    const running = this.#running;
    if (running === undefined) {
      this.#stream.write(`${text}\n`);
      return;
    }
    // The running phase moves down: erase its line, write, draw it again.
    this.#stream.write(`\r\x1b[K${text}\n${running.text}`);
    this.#draw();
  }

  #draw(): void {
    const running = this.#running;
    if (running === undefined) return;
    const ms = performance.now() - running.since;
    if (ms < SHOW_SECONDS_FROM_MS) return;
    this.#stream.write(`\r\x1b[K${running.text} ${this.#options.paint.faint(`${(ms / 1000).toFixed(0)} s`)}`);
  }
}
