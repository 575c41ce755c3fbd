import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Waits until no living process holds `file`, holds it, and returns what releases it. */
export async function holdLock(file, waitingFor) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; ; told = true) {
    if (take(file)) return () => rmSync(file, { force: true });
    if (!isHeld(file)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) console.error(`callseal: waiting for ${waitingFor}`);
    await delay(200);
  }
}

/** By a link, so that the file is never seen without the process id of its holder. */
function take(file) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function isHeld(file) {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    if (!Number.isSafeInteger(pid) || pid <= 0) return false;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
