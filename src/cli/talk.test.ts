import { describe, expect, it } from "vitest";
import { paintFor, wantsColor } from "./paint.ts";
import { TerminalTalk } from "./talk.ts";

function talkInto(options: { quiet?: boolean; verbose?: boolean; live?: boolean }) {
  const written: string[] = [];
  const talk = new TerminalTalk(
    { write: (text) => written.push(text) },
    { paint: paintFor(false), quiet: false, verbose: false, live: false, ...options },
  );
  return { talk, text: () => written.join("") };
}

describe("TerminalTalk", () => {
  it("says a line a phase where there is no terminal", () => {
    const { talk, text } = talkInto({});
    talk.phase("recording");
    talk.detail("unsaid");
    talk.phase("deriving");
    talk.end();
    expect(text()).toBe("recording\nderiving\n");
  });

  it("keeps warnings when it is quiet", () => {
    const { talk, text } = talkInto({ quiet: true, verbose: true });
    talk.phase("recording");
    talk.detail("a detail");
    talk.say("a summary");
    talk.warn("3 paths were lost");
    expect(text()).toBe("warning: 3 paths were lost\n");
  });

  it("adds details when asked", () => {
    const { talk, text } = talkInto({ verbose: true });
    talk.detail("container abc");
    expect(text()).toBe("  container abc\n");
  });

  it("moves the running phase below what is said meanwhile", () => {
    const { talk, text } = talkInto({ live: true });
    talk.phase("recording");
    talk.warn("slow");
    talk.end();
    expect(text()).toBe("recording\r\x1b[Kwarning: slow\nrecording\n");
  });
});

describe("wantsColor", () => {
  const terminal = { write: () => {}, isTTY: true };
  const file = { write: () => {} };

  it.each([
    ["a terminal", terminal, "auto", {}, true],
    ["a file", file, "auto", {}, false],
    ["TERM=dumb", terminal, "auto", { TERM: "dumb" }, false],
    ["NO_COLOR", terminal, "auto", { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
    ["an empty NO_COLOR", terminal, "auto", { NO_COLOR: "" }, true],
    ["FORCE_COLOR", file, "auto", { FORCE_COLOR: "1" }, true],
    ["FORCE_COLOR=0", terminal, "auto", { FORCE_COLOR: "0" }, false],
    ["--color always", file, "always", { NO_COLOR: "1" }, true],
    ["--color never", terminal, "never", { FORCE_COLOR: "1" }, false],
  ] as const)("decides for %s", (_what, stream, choice, env, wanted) => {
    expect(wantsColor(stream, choice, env)).toBe(wanted);
    expect(paintFor(wanted).good("held") === "held").toBe(!wanted);
  });
});
