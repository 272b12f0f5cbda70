export { commandPrograms, findPrograms, startedBy } from "./closure.ts";
