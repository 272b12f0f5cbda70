export { commandPrograms, findPrograms, startedBy } from "./find.ts";
