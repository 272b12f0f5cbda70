import type { Elf, UnwindEntry, GoFunction } from "./model.ts";
export function parseUnwind(elf: Elf): UnwindEntry[] {
  // via .eh_frame_hdr only
  const h = elf.segments.find((s) => s.kind === "eh-frame");
  if (!h) return [];
  const b = elf.bytesAt(h.address, h.fileSize)!;
  const v = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const n = v.getUint32(8, true);
  const out: UnwindEntry[] = [];
  for (let i = 0; i < n; i++) {
    const start = h.address + v.getInt32(12 + i * 8, true);
    const fde = h.address + v.getInt32(16 + i * 8, true);
    const f = elf.bytesAt(fde, 16)!;
    const fv = new DataView(f.buffer, f.byteOffset);
    const cieAt = fde + 4 - fv.getInt32(4, true);
    const c = elf.bytesAt(cieAt, 20)!;
    let aug = "";
    for (let k = 9; c[k]; k++) aug += String.fromCharCode(c[k]!);
    out.push({
      start,
      end: start + fv.getUint32(12, true),
      landingPads: [],
      isSignalFrame: aug.includes("S"),
    });
  }
  return out;
}
export function parseGoFunctions(_elf: Elf): GoFunction[] | undefined {
  return undefined;
}
