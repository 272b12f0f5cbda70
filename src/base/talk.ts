/**
 * Talk and progress: everything that is not the asked-for document. A face decides where it goes (standard error,
 * nowhere, a test's array); rooms only speak.
 */
export interface Talk {
  /** A phase of long work: "recording redis (eBPF)". */
  phase(text: string): void;
  /** Something the user must know: a loss, a thing left out. */
  warn(text: string): void;
  /** Only with --verbose. */
  detail(text: string): void;
}

export const silent: Talk = { phase() {}, warn() {}, detail() {} };
