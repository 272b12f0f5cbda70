import { defineConfig } from "vitest/config";

// Tiers (CONTRIBUTING.md): `unit` runs anywhere; `kernel` wants root and eBPF; `engine` wants Docker.
// A tier is a project, so that one can be run by itself: `npm test -- --project unit`. One after the other, because the last
// two look at what the whole machine does.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "kernel",
          sequence: { groupOrder: 1 },
          include: ["test/kernel/**/*.test.ts"],
          globalSetup: ["test/support/announce.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "engine",
          sequence: { groupOrder: 2 },
          include: ["test/engine/**/*.test.ts"],
          globalSetup: ["test/support/announce.ts", "test/support/engine-setup.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
