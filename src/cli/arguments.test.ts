import { describe, expect, it } from "vitest";
import { environmentName, fromEnvironment, splitArguments } from "./arguments.ts";
import { parseDuration } from "../base/index.ts";

describe("splitArguments", () => {
  it("takes the target's command off, with whatever dashes it has", () => {
    const { inputs, command } = splitArguments(["record", "-q", "--", "sh", "-c", "echo --", "--", "-o"]);
    expect(inputs).toEqual(["record", "-q"]);
    expect(command).toEqual(["sh", "-c", "echo --", "--", "-o"]);
  });

  it("tells no command from an empty one", () => {
    expect(splitArguments(["record", "x"]).command).toBeUndefined();
    expect(splitArguments(["record", "--"]).command).toEqual([]);
  });

  it("joins a value that is itself a command line with a dash", () => {
    expect(splitArguments(["run", "p", "--engine-args", "--network host"]).inputs).toEqual([
      "run",
      "p",
      "--engine-args=--network host",
    ]);
    expect(splitArguments(["run", "--engine-args", "host"]).inputs).toEqual(["run", "--engine-args", "host"]);
  });

  it("reads -oFORMAT", () => {
    expect(splitArguments(["emit", "-ojson=x"]).inputs).toEqual(["emit", "-o=json=x"]);
    expect(splitArguments(["emit", "-o", "json"]).inputs).toEqual(["emit", "-o", "json"]);
  });
});

describe("fromEnvironment", () => {
  const parsed = { kind: "parsed", parse: parseDuration, brief: "", optional: true } as const;
  const parameters = {
    flags: {
      timeout: parsed,
      engineArgs: parsed,
      quiet: { kind: "boolean", brief: "", optional: true },
      output: parsed,
    },
    aliases: { q: "quiet", o: "output" },
  } as const;

  it("adds what the environment says and the command line does not", () => {
    const env = {
      CINCH_TIMEOUT: "5s",
      CINCH_ENGINE_ARGS: "--privileged",
      CINCH_QUIET: "1",
      CINCH_OTHER: "x",
    };
    expect(fromEnvironment(["record"], parameters, env)).toEqual([
      "record",
      "--timeout=5s",
      "--engine-args=--privileged",
      "--quiet",
    ]);
  });

  it.each([["--timeout", "1s"], ["--timeout=1s"]])("lets %s on the command line win", (...words) => {
    expect(fromEnvironment(words, parameters, { CINCH_TIMEOUT: "5s" })).toEqual(words);
  });

  it("knows options by their letters", () => {
    expect(fromEnvironment(["-q", "-o=x"], parameters, { CINCH_QUIET: "1", CINCH_OUTPUT: "json" })).toEqual([
      "-q",
      "-o=x",
    ]);
  });

  it("leaves a switch alone that the environment turns off", () => {
    expect(fromEnvironment([], parameters, { CINCH_QUIET: "0", CINCH_TIMEOUT: "" })).toEqual([]);
  });

  it("spells names as shells do", () => {
    expect(environmentName("engineArgs")).toBe("CINCH_ENGINE_ARGS");
  });
});
