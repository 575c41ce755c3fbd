import { randomInt } from "node:crypto";
import { dammCheckDigit } from "./damm.ts";
import { CallsealError } from "./errors.ts";

/** The fewest digits of a DID (PROTOCOL §6). */
export const leastDidDigits = 6;
/** The most digits of a DID: the growth of PROTOCOL §6 ends here, where a person can still type what was heard. */
export const mostDidDigits = 10;
/** More live codes than this share of the space make a guess or a slip land on a stranger's call (PROTOCOL §6). */
const mostLiveShare = 0.001;

export interface DidFormat {
  /** Length of the code, check digit included: 6 to 10. */
  digits: number;
  /** The last digit is a Damm check digit. */
  checkDigit: boolean;
}

/** How many different codes a format has: 10^digits, or 10^(digits-1) when the last digit is a check digit. */
export function didSpace(digits: number, checkDigit: boolean): number {
  requireDigits(digits);
  return 10 ** (checkDigit ? digits - 1 : digits);
}

/**
 * A DID of the given format from the operating system's CSPRNG, every code equally likely, leading zeros included.
 * `randomInt` rejects instead of folding, so there is no modulo bias. Throws `internal` outside 6 to 10 digits.
 */
export function drawDid(format: DidFormat): string {
  const { digits, checkDigit } = format;
  const drawn = String(randomInt(didSpace(digits, checkDigit))).padStart(checkDigit ? digits - 1 : digits, "0");
  return checkDigit ? drawn + dammCheckDigit(drawn) : drawn;
}

/** Whether a text is written like a DID: 6 to 10 ASCII digits and nothing else. */
export function isDidShape(text: unknown): text is string {
  return typeof text === "string" && /^[0-9]{6,10}$/.test(text);
}

/** Whether a code is a DID whose last digit is the Damm check digit of the others; false for any other text. */
export function hasValidCheckDigit(code: unknown): boolean {
  // In Damm's quasigroup x·x = 0, so a code that carries its check digit always comes out as 0.
  return isDidShape(code) && dammCheckDigit(code) === "0";
}

/** How many codes of a format may be live at once: 0.1 % of its space. A tenant with more gets longer codes. */
export function mostLiveCodes(digits: number, checkDigit: boolean): number {
  return Math.floor(didSpace(digits, checkDigit) * mostLiveShare);
}

function requireDigits(digits: number): void {
  if (Number.isInteger(digits) && digits >= leastDidDigits && digits <= mostDidDigits) return;
  throw new CallsealError("internal", { detail: `a DID has ${leastDidDigits} to ${mostDidDigits} digits` });
}
