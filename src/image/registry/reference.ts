import { CinchError } from "../../base/index.ts";
import { checkedDigest } from "../blob/digest.ts";

/** An image in a registry. */
export interface Reference {
  /** "docker.io", "localhost:5000". */
  host: string;
  /** "library/redis". */
  repository: string;
  tag?: string;
  digest?: string;
}

/**
 * Reads an image's name as Docker does (distribution/reference, grammar): without a host it is Docker Hub's, without a
 * folder there it is in `library`, without tag and digest the tag is `latest`. Throws `bad-reference`.
 */
export function parseReference(text: string): Reference {
  const [named = "", digest, more] = text.split("@");
  const slash = named.indexOf("/");
  const first = slash === -1 ? "" : named.slice(0, slash);
  const hasHost = first.includes(".") || first.includes(":") || first === "localhost";
  const host = hasHost ? first : "docker.io";
  const path = hasHost ? named.slice(slash + 1) : named;
  const [, bare = "", tag] = /^(.*?)(?::([^:/]*))?$/.exec(path) ?? [];
  const repository = host === "docker.io" && !bare.includes("/") ? `library/${bare}` : bare;
  const isName = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;
  if (
    more !== undefined ||
    !/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(host) ||
    !isName.test(repository) ||
    repository.length > 255 ||
    (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag))
  )
    throw new CinchError("bad-reference", `'${text}' is not the name of an image in a registry`, {
      hint: "[HOST[:PORT]/]NAME[:TAG][@sha256:…], such as docker.io/library/redis:7",
    });
  return {
    host: host === "index.docker.io" ? "docker.io" : host,
    repository,
    ...(digest === undefined ? { tag: tag ?? "latest" } : { digest: checkedDigest(digest, text) }),
  };
}

export function referenceText({ host, repository, tag, digest }: Reference): string {
  return `${host}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}
