import fc from "fast-check";
import { expect, test } from "vitest";
import { quoteWord, splitWords } from "./words.ts";

test("blanks, quotes and backslashes, as a shell has them", () => {
  expect(splitWords(`-e 'A=b c'  -v /a\\ b:/c --label "x=\\"y\\" \\n" ''`)).toEqual([
    "-e",
    "A=b c",
    "-v",
    "/a b:/c",
    "--label",
    'x="y" \\n',
    "",
  ]);
  expect(splitWords("a'b'\"c\"d")).toEqual(["abcd"]);
  expect(splitWords(" \n\t")).toEqual([]);
  expect(splitWords("$HOME *")).toEqual(["$HOME", "*"]);
});

test("a quote that is not closed is an error, not a guess", () => {
  expect(() => splitWords("a 'b")).toThrow("a ' is not closed");
  expect(() => splitWords('a "b')).toThrow('a " is not closed');
});

test("what is quoted is read back", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      expect(splitWords(words.map(quoteWord).join(" "))).toEqual(words);
    }),
  );
});

test("any text is split or refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("'", '"', "\\", " ", "a", "\n") }), (text) => {
      try {
        expect(splitWords(text).join("").length).toBeLessThanOrEqual(text.length);
      } catch (error) {
        expect(error).toMatchObject({ code: "bad-quoting" });
      }
    }),
  );
});
