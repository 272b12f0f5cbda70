/** Where programs come from: engines, root folders, project files. @module */
export { type ImageConfig, plainConfig } from "./config.ts";
export { type AttachOptions, EngineClient, type EngineImage } from "./engine/client.ts";
export { EngineError } from "./engine/http.ts";
export { type OpenEngine, type OpenOptions, openEngine } from "./engine/open.ts";
export { StreamDemuxer, type StreamName } from "./engine/stream.ts";
export { openFolder } from "./folder.ts";
export { type ImagePlace, type LocatedImage, type OpenImageOptions, locateImage, openImage } from "./open.ts";
export type { OpenImage } from "./oci/open.ts";
export { PROJECT_FILE, type Project, parseProject, readProject, readWorkloadFile } from "./project.ts";
export { type ProjectStep, type ProjectWorkload, projectJsonSchema } from "./project-schema.ts";
export { type ResolveOptions, type Target, resolveTarget } from "./target.ts";
export type { FileTree, TreeEntry } from "./tree.ts";
