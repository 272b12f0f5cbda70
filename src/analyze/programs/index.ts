export { commandPrograms, executablesOf, findPrograms, startedBy } from "./find.ts";
