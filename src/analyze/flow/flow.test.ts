import { describe, expect, it } from "vitest";
import { moduleOf } from "../../../test/support/code-module.ts";
import { Flow } from "./flow.ts";
import { keyOf } from "./values.ts";

// Machine code in hexadecimal with its assembly beside it (AT&T syntax, as GNU as writes it).

/** What rax may be at the first system call. */
function numbers(code: string): string[] {
  const { module, syscalls } = moduleOf(code);
  const value = new Flow(module, module.functionAt(syscalls[0]!)).valueAt(syscalls[0]!, { register: 0 });
  return [...value.values()].map(keyOf).sort();
}

describe("Flow", () => {
  it("follows a constant", () => {
    // mov $0x27,%eax; syscall; ret
    expect(numbers("b827000000 0f05 c3")).toEqual(["c39"]);
  });

  it("joins the ways that lead to a call", () => {
    // test %edi,%edi; je 1f; mov $1,%eax; jmp 2f; 1: mov $2,%eax; 2: syscall; ret
    expect(numbers("85ff 7407 b801000000 eb05 b802000000 0f05 c3")).toEqual(["c1", "c2"]);
  });

  it("knows conditional moves", () => {
    // mov $1,%eax; mov $2,%ecx; test %edi,%edi; cmovne %ecx,%eax; syscall; ret
    expect(numbers("b801000000 b902000000 85ff 0f45c1 0f05 c3")).toEqual(["c1", "c2"]);
  });

  it("follows values through the stack, also past a call", () => {
    // sub $0x18,%rsp; movl $0x3c,8(%rsp); call f; mov 8(%rsp),%eax; syscall; ret; f: ret
    expect(numbers("4883ec18 c74424083c000000 e807000000 8b442408 0f05 c3 c3")).toEqual(["c60"]);
  });

  it("does not trust a slot whose address was given away", () => {
    // sub $0x18,%rsp; movl $0x3c,8(%rsp); lea 8(%rsp),%rdi; call f; mov 8(%rsp),%eax; syscall; ret; f: ret
    const [value] = numbers("4883ec18 c74424083c000000 488d7c2408 e807000000 8b442408 0f05 c3 c3");
    expect(value).toMatch(/^u/);
  });

  it("keeps what was given symbolic", () => {
    // mov %edi,%eax; syscall; ret
    expect(numbers("89f8 0f05 c3")).toEqual(["e4096:r7+0"]);
  });

  it("forgets what a call or a system call returns", () => {
    // mov $1,%eax; call f; syscall; ret; f: ret
    const [value] = numbers("b801000000 e803000000 0f05 c3 c3");
    expect(value).toMatch(/^u/);
  });

  it("ends with a loop that counts", () => {
    // xor %eax,%eax; 1: inc %eax; cmp $0x12345,%eax; jne 1b; syscall; ret
    const [value] = numbers("31c0 ffc0 3d45230100 75f7 0f05 c3");
    expect(value).toMatch(/^u/);
  });

  it("does not go on behind a call that does not come back", () => {
    // test %edi,%edi; jne 1f; mov $1,%eax; call f; 1: mov $2,%eax ... the call of f never reaches the system call with 1
    // 85ff 7505 e8(f) ; b802000000 0f05 c3 ; f: f4 (hlt)
    expect(numbers("b801000000 85ff 7505 e808000000 b802000000 0f05 c3 f4")).toEqual(["c2"]);
  });

  it("sees a call past the end of a function that goes on", () => {
    // as glibc's clone: mov $0x38,%eax ends the first function, syscall; ret begins what no table names
    const { module, syscalls } = moduleOf("b838000000 0f05 c3", { bounds: [[0x1000, 0x1005]] });
    const value = new Flow(module, module.functionAt(syscalls[0]!)).valueAt(syscalls[0]!, { register: 0 });
    expect([...value.keys()]).toEqual(["c56"]);
  });
});
