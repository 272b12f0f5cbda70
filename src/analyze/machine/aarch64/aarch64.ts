import type { Machine } from "../model.ts";
export const aarch64: Machine = undefined as unknown as Machine;
