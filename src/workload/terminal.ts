import type { Duplex } from "node:stream";

export interface TerminalOptions {
  stdin: boolean;
  tty: boolean;
  resize: (size: { columns: number; rows: number }) => Promise<void>;
}

/**
 * Passes our standard input on to a container, and for a terminal the size too, with the keys unread by ours. Returns
 * what puts our terminal back.
 */
export function bridgeTerminal(stream: Duplex, options: TerminalOptions): () => void {
  const { stdin, stdout } = process;
  const fit = (): void => {
    // Before the start there is no terminal yet to fit; the next change of size does it.
    options.resize({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 }).catch(() => {});
  };
  if (options.tty) {
    stdin.setRawMode?.(true);
    stdout.on("resize", fit);
    stream.once("data", fit);
  }
  const pass = (chunk: Buffer): void => void stream.write(chunk);
  const end = (): void => void stream.end();
  if (options.stdin) {
    stdin.on("data", pass);
    stdin.once("end", end);
  }
  return () => {
    stdin.off("data", pass);
    stdin.off("end", end);
    stdin.pause();
    stdout.off("resize", fit);
    if (options.tty) stdin.setRawMode?.(false);
  };
}
