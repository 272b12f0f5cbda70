export { findModules } from "./folders.ts";
export { gconvModules, nssModules } from "./name-service.ts";
export { matchLibraryPattern } from "./pattern.ts";
