import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { CinchError, type Cleanup, messageOf } from "../base/index.ts";
import { type EngineClient, type EngineImage, openEngine } from "../image/index.ts";
import { guard } from "./guardian.ts";

/** Larger images exist, but hardly any that is meant to run as a service; the disk is the user's. */
const MAX_ROOTFS_BYTES = 32 * 1024 ** 3;
/** Verifying runs the same image again and again, a moment apart. */
const KEEP_MS = 15_000;

/** An image's file system in a folder. */
export interface ExportedImage {
  folder: string;
  image: EngineImage;
}

interface Kept {
  exported: Promise<ExportedImage>;
  users: number;
  timer?: NodeJS.Timeout;
  remove: () => void;
}

const kept = new Map<string, Kept>();

/**
 * The file system of an engine's image in a folder of ours, to be read only. It is unpacked once for runs that follow
 * each other, and removed a moment after the last one, or with this process.
 */
export async function exportedImage(
  engine: "docker" | "podman",
  name: string,
  undo: Cleanup,
): Promise<ExportedImage> {
  await using opened = await openEngine(engine);
  const image = await opened.client.image(name);
  let entry = kept.get(image.id);
  if (entry === undefined) {
    entry = keep(opened.client, image);
    kept.set(image.id, entry);
  }
  const mine = entry;
  clearTimeout(mine.timer);
  mine.users += 1;
  undo.add(() => {
    mine.users -= 1;
    if (mine.users === 0) mine.timer = setTimeout(mine.remove, KEEP_MS).unref();
  });
  try {
    return await mine.exported;
  } catch (error) {
    mine.remove();
    throw error;
  }
}

function keep(client: EngineClient, image: EngineImage): Kept {
  const folder = mkdtempSync(join(tmpdir(), "cinch-rootfs-"));
  const release = guard({ kind: "remove", folder });
  const remove = (): void => {
    kept.delete(image.id);
    process.off("exit", remove);
    rmSync(folder, { recursive: true, force: true });
    release();
  };
  process.once("exit", remove);
  return { exported: unpack(client, image, folder).then(() => ({ folder, image })), users: 0, remove };
}

async function unpack(client: EngineClient, image: EngineImage, folder: string): Promise<void> {
  const { id } = await client.create({
    Image: image.id,
    Cmd: ["cinch"],
    Labels: { "dev.cinch.session": String(process.pid) },
  });
  const release = guard({ kind: "delete", socket: client.socketPath, path: client.removalPath(id) });
  try {
    const archive = await client.export(id);
    const tar = spawn(
      "tar",
      [
        "--extract",
        "--numeric-owner",
        "--preserve-permissions",
        "--xattrs",
        "--xattrs-include=*",
        "--directory",
        folder,
      ],
      {
        stdio: ["pipe", "ignore", "pipe"],
      },
    );
    let said = "";
    tar.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4096)));
    const ended = endOf(tar);
    try {
      await pipeline(archive, limited(MAX_ROOTFS_BYTES), tar.stdin);
    } catch (error) {
      archive.destroy();
      await ended;
      throw new CinchError(
        "export-failed",
        `the image cannot be unpacked: ${said.trim() || messageOf(error)}`,
        { cause: error },
      );
    }
    const code = await ended;
    if (code !== 0) {
      throw new CinchError(
        "export-failed",
        `the image cannot be unpacked into ${folder}: ${said.trim() || `tar ended with ${code}`}`,
        {
          hint: "it takes as much room as the image; TMPDIR says where",
        },
      );
    }
  } finally {
    await client.remove(id);
    release();
  }
}

async function endOf(child: ChildProcess): Promise<number | null> {
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code;
  } catch {
    return null;
  }
}

function limited(limit: number): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total > limit) done(new CinchError("too-large", `the image is larger than ${limit} bytes`));
      else done(null, chunk);
    },
  });
}

/**
 * A root file system that begins as `lower` and may be written to without changing it: an overlay. Unmounted and
 * removed by `undo`. Needs root.
 */
export async function writableCopy(lower: string, undo: Cleanup): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "cinch-bundle-"));
  undo.add(guard({ kind: "remove", folder }));
  undo.add(() => rmSync(folder, { recursive: true, force: true }));
  const [upper, work, merged] = ["upper", "work", "rootfs"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const part of [upper, work, merged]) mkdirSync(part);
  const places = `lowerdir=${escaped(lower)},upperdir=${escaped(upper)},workdir=${escaped(work)}`;
  try {
    await promisify(execFile)("mount", ["-t", "overlay", "-o", places, "cinch", merged]);
  } catch (error) {
    throw new CinchError("start-failed", `a writable root cannot be made: ${messageOf(error)}`, {
      hint: `an overlay needs a disk below it: TMPDIR=/var/tmp, for example (it is ${tmpdir()})`,
      cause: error,
    });
  }
  const unmount = ["umount", "--lazy", merged];
  undo.add(guard({ kind: "run", argv: unmount }));
  undo.add(async () => {
    await promisify(execFile)(unmount[0]!, unmount.slice(1));
  });
  return merged;
}

/** In mount options a comma ends an option, and a colon a lower folder (overlayfs.rst). */
function escaped(path: string): string {
  return path.replaceAll(/[\\,:]/g, (char) => `\\${char}`);
}
