// Reads vitest's JSON report: what failed goes to standard error, in words; "PASSED FAILED" to standard output.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
// A file that could not be loaded has no tests that could fail.
const broken = report.testResults.filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
);
for (const file of broken) console.error(`FAILED to run: ${file.name}\n${file.message}\n`);
for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status !== "failed") continue;
    const why = (test.failureMessages ?? []).join("\n").slice(0, 2000);
    console.error(`FAILED: ${test.fullName}\n  ${file.name}\n${why}\n`);
  }
}
console.log(report.numPassedTests, report.numFailedTests + broken.length);
